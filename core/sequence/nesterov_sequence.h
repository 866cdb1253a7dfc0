// Nesterov's sequence is the momentum that makes gradient descent optimal among first-order
// methods.
#ifndef DESCENT_CORE_SEQUENCE_NESTEROV_SEQUENCE_H_
#define DESCENT_CORE_SEQUENCE_NESTEROV_SEQUENCE_H_

#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// Gives (t_k − 1)/t_{k+1} with t_{k+1} = (1 + √(1 + 4 t_k²))/2 from t = 1: 0, 0.2818…, 0.4340…, → 1
// (Nesterov 1983; Beck & Teboulle 2009, equations 4.2 and 4.3). Going back in position takes time
// proportional to the position; going forward one step is constant.
Sequence nesterov_sequence();

// The same as a schedule; it has no fields.
struct NesterovSequence {
  static constexpr const char* kind = "nesterov";

  void Describe(FieldList&) {}
  Sequence Make() const { return nesterov_sequence(); }
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_NESTEROV_SEQUENCE_H_
