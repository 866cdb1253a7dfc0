#ifndef DESCENT_CORE_TRAIN_DIAL_BOARD_H_
#define DESCENT_CORE_TRAIN_DIAL_BOARD_H_

// The dials of a run by their paths (`optimizer.adam.step_size`), turned by people.
//
// Holds the run's own Settables (shared handles): a turn is in force for the next step. Used on the
// thread that holds the run, between two iterations.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/sequence/settable.h"

namespace descent {

// The index of the path that is meant: the full path, any suffix of it that begins at a field and
// fits only one (`adam.step_size`, `step_size`), or else some of its fields with the last one
// (`generator.step_size`), with `lr` and `learning_rate` for `step_size`.
// NotFound, suggesting the nearest; InvalidArgument: several fit, and which.
absl::StatusOr<size_t> FindDialPath(const std::vector<std::string>& paths, std::string_view path);

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
  absl::StatusOr<size_t> Find(std::string_view path) const { return FindDialPath(paths_, path); }

  // InvalidArgument, with nothing changed, if the value (or the product) is out of range.
  absl::StatusOr<Turn> Set(size_t dial, double value);
  absl::StatusOr<Turn> Scale(size_t dial, double factor);
  Turn Release(size_t dial);

  // To undo several turns.
  States Save() const;
  void Restore(const States& states);

 private:
  const std::vector<std::string> paths_;
  std::vector<Settable> dials_;
};

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_DIAL_BOARD_H_
