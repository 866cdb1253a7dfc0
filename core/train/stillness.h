#ifndef DESCENT_CORE_TRAIN_STILLNESS_H_
#define DESCENT_CORE_TRAIN_STILLNESS_H_

// Whether a run has come to rest: for how many iterations in a row no step has moved it.

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/optimizer/run_state.h"

namespace descent {

// Not thread-safe.
class Stillness {
 public:
  // Iteration `index` is there; `still`: the step that led to it has moved nothing, and says that
  // others by the same objective would not, either. An iteration counts once.
  void Look(int64_t index, bool still) {
    if (index == at_) return;
    at_ = index;
    count_ = still ? count_ + 1 : 0;
  }

  // Whether it will last. `changes`: the objective is another one in each iteration. Another batch,
  // or another draw of what is dropped, may be another chance: it has an epoch's, ten at the least.
  bool lasts(bool changes, int64_t iterations_per_epoch) const {
    return count_ >= (changes ? std::max(iterations_per_epoch, kChances) : 1);
  }

  int64_t at() const { return at_; }

  // What a checkpoint holds of it: nothing where it moves.
  void Save(RunState* state) const {
    if (count_ > 0) state->numbers.emplace_back(kName, static_cast<double>(count_));
  }
  // Takes it out of the state of that iteration again.
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
