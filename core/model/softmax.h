// Softmax makes probabilities of scores, over the last dimension; log-softmax is its logarithm.
#ifndef DESCENT_CORE_MODEL_SOFTMAX_H_
#define DESCENT_CORE_MODEL_SOFTMAX_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

// y_j = exp(x_j)/Σ_i exp(x_i); x, y: [batch, …, features].
struct Softmax {
  static constexpr std::string_view kind = "softmax";

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

// y_j = x_j − log Σ_i exp(x_i); x, y: [batch, …, features].
struct LogSoftmax {
  static constexpr std::string_view kind = "log_softmax";

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_SOFTMAX_H_
