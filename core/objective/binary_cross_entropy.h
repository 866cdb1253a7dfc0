// Binary cross-entropy with logits is the loss of independent yes-or-no questions.
#ifndef DESCENT_CORE_OBJECTIVE_BINARY_CROSS_ENTROPY_H_
#define DESCENT_CORE_OBJECTIVE_BINARY_CROSS_ENTROPY_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"

namespace descent {

// The mean over batch and outputs of pos_weight·t·log(1 + exp(−s)) + (1 − t)·log(1 + exp(s)):
// predictions s are log-odds, targets t in [0, 1] the probabilities of a yes; both of the same
// shape and dtype (torch.nn.BCEWithLogitsLoss).
struct BinaryCrossEntropyWithLogits {
  static constexpr std::string_view kind = "binary_cross_entropy_with_logits";
  double pos_weight = 1;
  void Describe(FieldList& fields) { fields(Positive("pos_weight"), pos_weight); }

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_BINARY_CROSS_ENTROPY_H_
