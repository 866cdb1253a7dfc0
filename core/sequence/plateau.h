// A plateau schedule lowers the step size when the run makes no more headway.
#ifndef DESCENT_CORE_SEQUENCE_PLATEAU_H_
#define DESCENT_CORE_SEQUENCE_PLATEAU_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// Gives `initial`, multiplied by `factor` whenever more than `patience` measurements of a metric in
// a row were no better than the best before them (torch ReduceLROnPlateau, step by step). Better
// means by more than threshold·|best|, or by more than `threshold` if `absolute`. (torch's
// threshold·best asks a negative best to become worse.)
//
// What is measured is the value of each iteration, or else a metric of each evaluation that is due
// (not of those on request); with `average`, the mean of so many of them in a row, because values
// on batches are noisy. The measurement at x_k counts for the step to x_{k+1}. A measurement that
// is NaN is not better.
struct Plateau {
  static constexpr const char* kind = "plateau";
  double initial = 0;
  double factor = 0.1;  // in (0, 1)
  int64_t patience = 10;
  double threshold = 1e-4;  // ≥ 0
  bool absolute = false;
  int64_t cooldown = 0;   // so many measurements after a reduction don't count
  double final = 0;       // the least number, ≤ initial
  double epsilon = 1e-8;  // ≥ 0; reductions that are no larger are left out
  bool maximize = false;  // greater is better; not for the value, which is minimized
  std::string metric = Sequence::kValue;
  int64_t average = 1;  // ≥ 1

  void Describe(FieldList& fields);
  Sequence Make() const;
  absl::Status Check() const;
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_PLATEAU_H_
