// An `Agenda` says what is due at which iteration. A value.
#ifndef DESCENT_CORE_TRAIN_AGENDA_H_
#define DESCENT_CORE_TRAIN_AGENDA_H_

#include <algorithm>
#include <cstdint>

namespace descent {

struct Agenda {
  int64_t iterations = 0;  // steps of the whole run: indices 0 … iterations
  int64_t iterations_per_epoch = 1;
  int64_t evaluate_every_epochs = 1;  // 0: not by epochs
  int64_t evaluate_every_iterations = 0;
  int64_t checkpoint_every_iterations = 0;

  bool last(int64_t k) const { return k >= iterations; }

  // True at the intervals (those of epochs are at their ends), and at the end of the run whatever
  // they are; never at the starting point.
  bool EvaluationDue(int64_t k) const {
    if (k == 0) return false;
    return last(k) || Every(k, evaluate_every_iterations) ||
           (k % iterations_per_epoch == 0 &&
            Every(k / iterations_per_epoch, evaluate_every_epochs));
  }

  // Gives the iteration of the first evaluation.
  int64_t FirstEvaluation() const {
    int64_t first = iterations;
    if (evaluate_every_iterations > 0) first = std::min(first, evaluate_every_iterations);
    // The comparison goes without the product, which may overflow.
    if (evaluate_every_epochs > 0 && evaluate_every_epochs <= iterations / iterations_per_epoch) {
      first = std::min(first, evaluate_every_epochs * iterations_per_epoch);
    }
    return first;
  }

  bool CheckpointDue(int64_t k) const {
    return k > 0 && (last(k) || Every(k, checkpoint_every_iterations));
  }

 private:
  static bool Every(int64_t k, int64_t interval) { return interval > 0 && k % interval == 0; }
};

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_AGENDA_H_
