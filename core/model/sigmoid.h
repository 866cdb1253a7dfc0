// The sigmoid is 1/(1 + exp(−x)), element-wise.
#ifndef DESCENT_CORE_MODEL_SIGMOID_H_
#define DESCENT_CORE_MODEL_SIGMOID_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Sigmoid {
  static constexpr std::string_view kind = "sigmoid";

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_SIGMOID_H_
