// Metrics of predictions that are classes or answers to yes-or-no questions.
//
// The predicted class is that of the greatest score, the first of equal ones; with one score alone
// it is 1 if the score is > 0, else 0. If targets are probabilities, the class is the likeliest,
// and a probability > ½ is a yes. Targets that don't count (class_loss.h) are left out.
#ifndef DESCENT_CORE_OBJECTIVE_CLASS_METRICS_H_
#define DESCENT_CORE_OBJECTIVE_CLASS_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/metric.h"
#include "core/sequence/range.h"

namespace descent {

// The share of right classes, or of right answers to all questions.
struct Accuracy {
  static constexpr std::string_view kind = "accuracy";
  void Describe(FieldList&) {}
  Metric Make() const;
};

// `top_5`: the share of targets whose class is among the k greatest scores.
struct TopK {
  static constexpr std::string_view kind = "top_k";
  int64_t k = 5;
  void Describe(FieldList& fields) { fields(AtLeastOne("k"), k); }
  Metric Make() const;
};

// The area under the receiver operating characteristic, of two classes or one question: how often a
// yes has a greater score than a no, equal ones counting half (Hanley & McNeil 1982). NaN if there
// are no yeses or no noes. Keeps all scores, 16 bytes each.
struct Auc {
  static constexpr std::string_view kind = "auc";
  void Describe(FieldList&) {}
  Metric Make() const;
};

// How often class i was taken for class j, in row i and column j: as `values`, or as `entries` if
// there are more than kMostDense classes.
struct ConfusionMatrix {
  static constexpr std::string_view kind = "confusion_matrix";
  static constexpr size_t kMostDense = 64;
  void Describe(FieldList&) {}
  Metric Make() const;
};

// What the F1 score is taken over, by the names of scikit-learn's scorers: the second of two
// classes (`f1`), all predictions alike (`f1_micro`), the mean over the classes that there are in
// targets or predictions (`f1_macro`), or that mean weighted by how often a class is a target
// (`f1_weighted`).
enum class F1Average { kBinary, kMicro, kMacro, kWeighted };

constexpr std::string_view F1Name(F1Average average) {
  return average == F1Average::kBinary  ? "f1"
         : average == F1Average::kMicro ? "f1_micro"
         : average == F1Average::kMacro ? "f1_macro"
                                        : "f1_weighted";
}

Metric MakeF1(F1Average average);

// The F1 score of a class is 2·hits/(targets + predictions), the harmonic mean of precision and
// recall (van Rijsbergen 1979), and 0 if there are neither.
template <F1Average average>
struct F1Of {
  static constexpr std::string_view kind = F1Name(average);
  void Describe(FieldList&) {}
  Metric Make() const { return MakeF1(average); }
};

using F1 = F1Of<F1Average::kBinary>;
using F1Micro = F1Of<F1Average::kMicro>;
using F1Macro = F1Of<F1Average::kMacro>;
using F1Weighted = F1Of<F1Average::kWeighted>;

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_CLASS_METRICS_H_
