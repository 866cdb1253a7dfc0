// y = x W' + b.
#ifndef DESCENT_CORE_MODEL_LINEAR_H_
#define DESCENT_CORE_MODEL_LINEAR_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"

namespace descent {

// x: [batch, …, in_features], y: [batch, …, out_features]. Parameters `weight` [out_features,
// in_features] and `bias` [out_features], drawn uniformly from ±1/√in_features unless something
// else is said, as torch.nn.Linear does.
struct Linear {
  static constexpr std::string_view kind = "linear";

  std::optional<int64_t> in_features = {};  // inferred if not given; if given, it must fit
  int64_t out_features = 0;                 // required, ≥ 1
  bool bias = true;
  std::optional<Initializer> weight_init = {};
  std::optional<Initializer> bias_init = {};

  void Describe(OptionsVisitor& visit) {
    visit.Inferred("in_features", in_features);
    visit.Count("out_features", out_features, 1);
    visit.Flag("bias", bias);
    visit.Start("weight_init", weight_init);
    visit.Start("bias_init", bias_init);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LINEAR_H_
