// The Kullback–Leibler divergence is the loss of predicted distributions.
#ifndef DESCENT_CORE_OBJECTIVE_KL_DIVERGENCE_H_
#define DESCENT_CORE_OBJECTIVE_KL_DIVERGENCE_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/loss.h"

namespace descent {

// Σ target·(log target − prediction), the mean over the batch, where predictions are logarithms of
// probabilities and targets probabilities; both have the same shape and dtype (torch.nn.KLDivLoss
// with its reduction `batchmean`, the one that is the divergence).
struct KlDivergence {
  static constexpr std::string_view kind = "kl_divergence";
  void Describe(FieldList&) {}

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_KL_DIVERGENCE_H_
