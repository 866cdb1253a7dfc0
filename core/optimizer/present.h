// An optimizer's hyperparameters as they are in one step.
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

// The sequence that was declared, and the dial that it has become.
struct BoundDial {
  const Sequence* member;
  const Dial* dial;
};

// `now[&ClipByNorm::max_norm]` of the dials, `now->iterations` of the fixed ones.
template <class O>
class PresentValues {
 public:
  // Refers to both.
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

// In a step of an optimizer, which counts them.
template <class O>
class Present : public PresentValues<O> {
 public:
  Present(const O& options, std::span<const BoundDial> dials, int64_t step)
      : PresentValues<O>(options, dials), step_(step) {}

  // 1 for the first.
  int64_t step() const { return step_; }

 private:
  int64_t step_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_PRESENT_H_
