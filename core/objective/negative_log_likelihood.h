// The negative log likelihood is cross-entropy for models that give logarithms of probabilities.
#ifndef DESCENT_CORE_OBJECTIVE_NEGATIVE_LOG_LIKELIHOOD_H_
#define DESCENT_CORE_OBJECTIVE_NEGATIVE_LOG_LIKELIHOOD_H_

#include <string_view>
#include <vector>

#include "core/fields/fields.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"

namespace descent {

// Σ w_y·(−log p_y) over the targets' classes y, divided by Σ w_y, where predictions are logarithms
// of probabilities (torch.nn.NLLLoss). Classes come last (class_loss.h).
struct NegativeLogLikelihood {
  static constexpr std::string_view kind = "negative_log_likelihood";
  std::vector<double> class_weights = {};  // w; empty: 1 each
  void Describe(FieldList& fields) { fields(NonNegative("class_weights"), class_weights); }

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_NEGATIVE_LOG_LIKELIHOOD_H_
