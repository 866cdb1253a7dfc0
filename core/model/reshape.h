// Reshape gives the same numbers in another shape.
#ifndef DESCENT_CORE_MODEL_RESHAPE_H_
#define DESCENT_CORE_MODEL_RESHAPE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

// Makes [batch, shape…] of [batch, d1, d2, …].
struct Reshape {
  static constexpr std::string_view kind = "reshape";
  static constexpr bool takes_indices = true;

  std::vector<int64_t> shape;  // required, each ≥ 1, but one may be −1: whatever is left

  void Describe(FieldList& fields) { fields(Count("shape", -1), shape).Required(); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_RESHAPE_H_
