// ReLU is max(x, 0), element-wise.
#ifndef DESCENT_CORE_MODEL_RELU_H_
#define DESCENT_CORE_MODEL_RELU_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Relu {
  static constexpr std::string_view kind = "relu";

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_RELU_H_
