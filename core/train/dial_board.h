// A `DialBoard` is the dials of a run, turned by people, with the path of each
// (`optimizer.adam.step_size`). Which one somebody means by part of a path is for those to say who
// speak with people.
//
// It holds the run's own Settables (shared handles): a turn is in force for the next step. It is
// used on the thread that holds the run, between two iterations.
#ifndef DESCENT_CORE_TRAIN_DIAL_BOARD_H_
#define DESCENT_CORE_TRAIN_DIAL_BOARD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/sequence/settable.h"

namespace descent {

class DialBoard {
 public:
  struct Turn {
    double old_value;
    double new_value;
  };
  using States = std::vector<Settable::State>;

  // paths[i] is that of dials[i].
  DialBoard(std::vector<std::string> paths, std::vector<Settable> dials);

  const std::vector<std::string>& paths() const { return paths_; }

  // Give INVALID_ARGUMENT, with nothing changed, if the value (or the product) is out of range.
  absl::StatusOr<Turn> Set(size_t dial, double value);
  absl::StatusOr<Turn> Scale(size_t dial, double factor);
  Turn Release(size_t dial);

  // These undo several turns.
  States Save() const;
  void Restore(const States& states);

 private:
  const std::vector<std::string> paths_;
  std::vector<Settable> dials_;
};

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_DIAL_BOARD_H_
