// Layer normalization normalizes each example's features  (Ba, Kiros & Hinton 2016;
// torch.nn.LayerNorm).
#ifndef DESCENT_CORE_MODEL_LAYER_NORM_H_
#define DESCENT_CORE_MODEL_LAYER_NORM_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/sequence/range.h"

namespace descent {

// y = (x − mean)/√(variance + epsilon)·weight + bias over the last dimension; x, y: [batch, …,
// features]. The parameters, if affine, are `weight` [features] of ones and `bias` [features] of
// zeros.
struct LayerNorm {
  static constexpr std::string_view kind = "layer_norm";

  double epsilon = 1e-5;  // > 0
  bool affine = true;

  void Describe(FieldList& fields) {
    fields(Positive("epsilon"), epsilon);
    fields(Flag("affine"), affine);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_NORM_H_
