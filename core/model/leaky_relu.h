// Leaky ReLU is max(x, negative_slope·x), element-wise  (Maas, Hannun & Ng 2013).
#ifndef DESCENT_CORE_MODEL_LEAKY_RELU_H_
#define DESCENT_CORE_MODEL_LEAKY_RELU_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/sequence/range.h"

namespace descent {

struct LeakyRelu {
  static constexpr std::string_view kind = "leaky_relu";

  double negative_slope = 0.01;  // in [0, 1)

  void Describe(FieldList& fields) { fields(UnitInterval("negative_slope"), negative_slope); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LEAKY_RELU_H_
