// Batch normalization normalizes each channel over the batch (Ioffe & Szegedy 2015;
// torch.nn.BatchNorm1d, BatchNorm2d).
#ifndef DESCENT_CORE_MODEL_BATCH_NORM_H_
#define DESCENT_CORE_MODEL_BATCH_NORM_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/sequence/range.h"

namespace descent {

// y = (x − mean)/√(variance + epsilon)·weight + bias for each channel; x, y: [batch, channels, …].
// The parameters, if affine, are `weight` [channels] of ones and `bias` [channels] of zeros.
//
// In training mean and variance are those of the batch and all positions. Each iteration's first
// evaluation moves the states `running_mean` and `running_var` [channels] towards them: running ←
// (1 − momentum)·running + momentum·batch, with the unbiased variance. In inference the
// states take the place of the batch's; so they do in training if the layer is frozen (fields.h),
// and then they stay. `num_batches_tracked` is the number of iterations that they have seen: k + 1
// at iteration k. A layer that is used twice in a graph counts its first use.
//
// A single value for each channel has no variance, and would always become 0. In training it throws
// std::invalid_argument, as in PyTorch.
struct BatchNorm {
  static constexpr std::string_view kind = "batch_norm";

  double momentum = 0.1;  // in [0, 1]
  double epsilon = 1e-5;  // > 0
  bool affine = true;

  void Describe(FieldList& fields) {
    fields(UpToOne("momentum"), momentum);
    fields(Positive("epsilon"), epsilon);
    fields(Flag("affine"), affine);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_BATCH_NORM_H_
