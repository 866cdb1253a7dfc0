// Softmax cross-entropy is the loss of one class among several.
#ifndef DESCENT_CORE_OBJECTIVE_CROSS_ENTROPY_H_
#define DESCENT_CORE_OBJECTIVE_CROSS_ENTROPY_H_

#include <string_view>
#include <vector>

#include "core/fields/fields.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"

namespace descent {

// Softmax cross-entropy is Σ_j a_j·(−log softmax(s)_j) of the scores s of each row. For a target y,
// with class weights w and the label smoothing ε, a_j = (1 − ε)·w_y·[j = y] + ε·w_j/classes, and
// the sum over the rows is divided by the sum of their w_y. For targets t that are probabilities,
// a_j = w_j·((1 − ε)·t_j + ε/classes), and the loss is the mean over the rows
// (torch.nn.CrossEntropyLoss). Classes come last (class_loss.h).
struct CrossEntropy {
  static constexpr std::string_view kind = "cross_entropy";
  double label_smoothing = 0;              // ε
  std::vector<double> class_weights = {};  // empty: 1 each
  bool probabilities = false;              // targets are probabilities, of the predictions' shape
  void Describe(FieldList& fields) {
    fields(UpToOne("label_smoothing"), label_smoothing);
    fields(NonNegative("class_weights"), class_weights);
    fields(Flag("probabilities"), probabilities);
  }

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_CROSS_ENTROPY_H_
