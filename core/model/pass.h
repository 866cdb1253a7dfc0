// A `Pass` says how a model is called: to be trained, or to be used, which is inference (to
// evaluate it, to predict with it).
#ifndef DESCENT_CORE_MODEL_PASS_H_
#define DESCENT_CORE_MODEL_PASS_H_

#include <cstdint>
#include <optional>

namespace descent {

// Some layers act differently in training: dropout drops, batch normalization normalizes by the
// batch and keeps running averages. What they do is a function of their place in the model, the
// seed and the iteration, so all evaluations in one iteration (of a line search, say) see the same
// model, and a plan the same as autograd.
struct Pass {
  bool training = false;
  int64_t iteration = 0;  // counts in training only
  // Set in training for running averages alone: they become the mean over this batch and so many
  // before it, whatever they were.
  std::optional<int64_t> estimation = {};
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_PASS_H_
