// In attention each position of a sequence takes a mean of what all positions have to offer,
// weighted by how well their keys fit its query.
#ifndef DESCENT_CORE_MODEL_ATTENTION_H_
#define DESCENT_CORE_MODEL_ATTENTION_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/sequence/range.h"

namespace descent {

// Scaled dot-product self-attention (Vaswani et al. 2017, sections 3.2.1 and 3.2.2). With [q k v] =
// x in_proj_weight' + in_proj_bias, of which head h has the columns h·d to (h + 1)·d, d =
// features/num_heads:
//   head_h = softmax(q_h k_h'/√d) v_h,   y = [head_1 … head_n] W' + b.
// x and y are [batch, time, features]. The parameters are torch.nn.MultiheadAttention's, and drawn
// as those: `in_proj_weight` [3·features, features] by Xavier, `out_proj.weight` W [features,
// features] uniformly from ±1/√features, `in_proj_bias` and `out_proj.bias` b zero.
struct MultiHeadAttention {
  static constexpr std::string_view kind = "multi_head_attention";

  int64_t num_heads = 0;  // divides the number of features
  bool causal = false;    // true: no position sees those after it
  bool bias = true;
  double dropout = 0;  // in training, of the weights

  void Describe(FieldList& fields) {
    fields(Count("num_heads", 1), num_heads);
    fields(Flag("causal"), causal);
    fields(Flag("bias"), bias);
    fields(UnitInterval("dropout"), dropout);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_ATTENTION_H_
