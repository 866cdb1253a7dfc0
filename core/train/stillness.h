// A `Stillness` says whether a run has come to rest: it counts for how many iterations in a row no
// step has moved it. Not thread-safe.
#ifndef DESCENT_CORE_TRAIN_STILLNESS_H_
#define DESCENT_CORE_TRAIN_STILLNESS_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/optimizer/run_state.h"

namespace descent {

class Stillness {
 public:
  // Looks at iteration `index`, once. `still` means that the step which led to it has moved
  // nothing, and that others by the same objective would not, either.
  void Look(int64_t index, bool still) {
    if (index == at_) return;
    at_ = index;
    count_ = still ? count_ + 1 : 0;
  }

  // Says whether it will last. Where the objective is another one in each iteration (`changes`),
  // another batch, or another draw of what is dropped, may be another chance: a run has those of an
  // epoch, and ten at the least.
  bool lasts(bool changes, int64_t iterations_per_epoch) const {
    return count_ >= (changes ? std::max(iterations_per_epoch, kChances) : 1);
  }

  int64_t at() const { return at_; }

  // Adds what a checkpoint holds of it: nothing where the run moves.
  void Save(RunState* state) const {
    if (count_ > 0) state->numbers.emplace_back(kName, static_cast<double>(count_));
  }
  // Takes that out of the state of iteration `index` again.
  void Load(int64_t index, RunState* state) {
    at_ = index;
    count_ = 0;
    std::erase_if(state->numbers, [&](const auto& named) {
      if (named.first == kName) count_ = static_cast<int64_t>(named.second);
      return named.first == kName;
    });
  }

 private:
  static constexpr char kName[] = "stop.still";
  static constexpr int64_t kChances = 10;

  int64_t at_ = -1;  // the iteration looked at last
  int64_t count_ = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_STILLNESS_H_
