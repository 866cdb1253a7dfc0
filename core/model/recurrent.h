// Recurrent layers take a state along a sequence, step by step.
#ifndef DESCENT_CORE_MODEL_RECURRENT_H_
#define DESCENT_CORE_MODEL_RECURRENT_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

// Declares the fields that Lstm and Gru have alike.
template <class Recurrent>
void DescribeRecurrent(Recurrent& layer, FieldList& fields) {
  fields(Count("hidden_size", 1), layer.hidden_size);
  fields(Count("num_layers", 1), layer.num_layers);
  fields(Flag("last_only"), layer.last_only);
}

// Long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000)
// has the formulas of torch.nn.LSTM with batch_first. For each step t, from h = c = 0:
//   [i f g o] = x_t weight_ih' + bias_ih + h weight_hh' + bias_hh,
//   c ← sigmoid(f) c + sigmoid(i) tanh(g),   h ← sigmoid(o) tanh(c),   y_t = h.
// x is [batch, time, features], y [batch, time, hidden_size], or [batch, hidden_size] of the last
// step. Layer k's input is the y of layer k − 1. The parameters are torch.nn.LSTM's, for each layer
// k `weight_ih_lk` [4·hidden_size, features], `weight_hh_lk` [4·hidden_size, hidden_size],
// `bias_ih_lk` and `bias_hh_lk` [4·hidden_size], drawn uniformly from ±1/√hidden_size.
struct Lstm {
  static constexpr std::string_view kind = "lstm";

  int64_t hidden_size = 0;  // required, ≥ 1
  int64_t num_layers = 1;   // ≥ 1
  bool last_only = false;   // y is that of the last step

  void Describe(FieldList& fields) { DescribeRecurrent(*this, fields); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

// The gated recurrent unit (Cho et al. 2014) has the formulas of torch.nn.GRU with batch_first:
//   [r z] = sigmoid of the first two thirds of x_t weight_ih' + bias_ih + h weight_hh' + bias_hh,
//   n = tanh(last third of x_t weight_ih' + bias_ih + r ⊙ that of h weight_hh' + bias_hh),
//   h ← (1 − z) n + z h,   y_t = h.
// All else is as in Lstm, with 3·hidden_size in place of 4·hidden_size.
struct Gru {
  static constexpr std::string_view kind = "gru";

  int64_t hidden_size = 0;  // required, ≥ 1
  int64_t num_layers = 1;   // ≥ 1
  bool last_only = false;   // y is that of the last step

  void Describe(FieldList& fields) { DescribeRecurrent(*this, fields); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_RECURRENT_H_
