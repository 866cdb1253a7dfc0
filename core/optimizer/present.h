// `Present` and `PresentValues` are an optimizer's hyperparameters as they are in one step.
#ifndef DESCENT_CORE_OPTIMIZER_PRESENT_H_
#define DESCENT_CORE_OPTIMIZER_PRESENT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/optimizer/dials.h"
#include "core/optimizer/state.h"
#include "core/sequence/sequence.h"

namespace descent {

// A sequence that was declared, and the dial that it has become.
struct BoundDial {
  const Sequence* member;
  const Dial* dial;
};

// Gives the number of a dial, `now[&ClipByNorm::max_norm]`, and any field that is fixed,
// `now->iterations`.
template <class O>
class PresentValues {
 public:
  // Refers to both arguments.
  PresentValues(const O& options, std::span<const BoundDial> dials)
      : options_(options), dials_(dials) {}

  double operator[](Sequence O::* field) const {
    const Sequence* member = &(options_.*field);
    size_t i = 0;
    while (dials_[i].member != member) ++i;
    return dials_[i].dial->used.value();
  }
  const O* operator->() const { return &options_; }

 private:
  const O& options_;
  std::span<const BoundDial> dials_;
};

// The same in a step of an optimizer, which counts its steps.
template <class O>
class Present : public PresentValues<O> {
 public:
  Present(const O& options, std::span<const BoundDial> dials, int64_t step)
      : PresentValues<O>(options, dials), step_(step) {}

  // The number of this step, 1 for the first.
  int64_t step() const { return step_; }

 private:
  int64_t step_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_PRESENT_H_
