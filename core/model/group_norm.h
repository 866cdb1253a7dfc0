// Group normalization normalizes each example's channels in groups  (Wu & He 2018;
// torch.nn.GroupNorm).
#ifndef DESCENT_CORE_MODEL_GROUP_NORM_H_
#define DESCENT_CORE_MODEL_GROUP_NORM_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/sequence/range.h"

namespace descent {

// y = (x − mean)/√(variance + epsilon)·weight + bias over the channels of a group and all
// positions, for each example; x, y: [batch, channels, …]. The parameters, if affine, are `weight`
// [channels] of ones and `bias` [channels] of zeros.
struct GroupNorm {
  static constexpr std::string_view kind = "group_norm";

  int64_t groups = 0;     // required, ≥ 1, divides the number of channels
  double epsilon = 1e-5;  // > 0
  bool affine = true;

  void Describe(FieldList& fields) {
    fields(Count("groups", 1), groups);
    fields(Positive("epsilon"), epsilon);
    fields(Flag("affine"), affine);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_GROUP_NORM_H_
