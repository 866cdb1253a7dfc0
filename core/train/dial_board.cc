#include "core/train/dial_board.h"

#include <utility>

namespace descent {
DialBoard::DialBoard(std::vector<std::string> paths, std::vector<Settable> dials)
    : paths_(std::move(paths)), dials_(std::move(dials)) {}

absl::StatusOr<DialBoard::Turn> DialBoard::Set(size_t dial, double value) {
  const double old_value = dials_[dial].value();
  if (absl::Status status = dials_[dial].set(value); !status.ok()) return status;
  return Turn{old_value, dials_[dial].value()};
}

absl::StatusOr<DialBoard::Turn> DialBoard::Scale(size_t dial, double factor) {
  const double old_value = dials_[dial].value();
  if (absl::Status status = dials_[dial].scale(factor); !status.ok()) return status;
  return Turn{old_value, dials_[dial].value()};
}

DialBoard::Turn DialBoard::Release(size_t dial) {
  const double old_value = dials_[dial].value();
  dials_[dial].release();
  return {old_value, dials_[dial].value()};
}

DialBoard::States DialBoard::Save() const {
  States states;
  for (const Settable& dial : dials_) states.push_back(dial.state());
  return states;
}

void DialBoard::Restore(const States& states) {
  // These states were accepted before, so they are again.
  for (size_t i = 0; i < states.size(); ++i) dials_[i].Restore(states[i]).IgnoreError();
}

}  // namespace descent
