// A linear layer is y = x W' + b.
#ifndef DESCENT_CORE_MODEL_LINEAR_H_
#define DESCENT_CORE_MODEL_LINEAR_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"

namespace descent {

// x is [batch, …, in_features], y [batch, …, out_features]. The parameters `weight` [out_features,
// in_features] and `bias` [out_features] are drawn uniformly from ±1/√in_features unless something
// else is said, as torch.nn.Linear does.
struct Linear {
  static constexpr std::string_view kind = "linear";

  std::optional<int64_t> in_features = {};  // inferred if not given; if given, it must fit
  int64_t out_features = 0;                 // required, ≥ 1
  bool bias = true;
  std::optional<Initializer> weight_init = {};
  std::optional<Initializer> bias_init = {};

  void Describe(FieldList& fields) {
    fields(Count("in_features", 1), in_features);
    fields(Count("out_features", 1), out_features);
    fields(Flag("bias"), bias);
    fields(Named("weight_init"), weight_init);
    fields(Named("bias_init"), bias_init);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LINEAR_H_
