// `Vector` is the model of a function: a plain vector of numbers.
#ifndef DESCENT_CORE_FUNCTIONS_VECTOR_H_
#define DESCENT_CORE_FUNCTIONS_VECTOR_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

// It has one parameter `x` [n], which begins at `start`, n ≥ 1. Whatever comes in, x comes out.
struct Vector {
  static constexpr std::string_view kind = "vector";

  std::vector<double> start;

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_FUNCTIONS_VECTOR_H_
