// An `ElementState` says what a rule remembers of each number of x from step to step.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENT_STATE_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENT_STATE_H_

#include <string_view>
#include <vector>

namespace descent {

struct ElementState {
  // The name in checkpoints, such as `exp_avg`. Empty means scratch memory, which is not saved.
  std::string_view name;
  double initial = 0;
  // True for a point as x is one: it begins at x0 and goes with x, so that nobody else may move x.
  bool point = false;
  // True if this is to be evaluated in place of x, from the first step on; one state at most.
  bool evaluated = false;
};
using ElementStates = std::vector<ElementState>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENT_STATE_H_
