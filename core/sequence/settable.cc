#include "core/sequence/settable.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/sequence/shared.h"

namespace descent {

Settable::Settable(const Sequence& schedule)
    : shared_(schedule.shared_ ? schedule.shared_
                               : std::make_shared<Sequence::Shared>(Sequence::Shared{schedule})) {}

absl::Status Settable::set(double value) {
  absl::Status status = InBoth(shared_->range, shared_->turned, value).Check(value);
  if (!status.ok()) return status;
  shared_->override_value = value + 0.0;  // makes −0, which 0 times a negative factor is, 0
  return absl::OkStatus();
}

absl::Status Settable::scale(double factor) { return set(value() * factor); }

void Settable::release() { shared_->override_value.reset(); }

bool Settable::overridden() const { return shared_->override_value.has_value(); }

double Settable::value() const {
  return shared_->override_value ? *shared_->override_value : shared_->schedule.value();
}

double Settable::next() {
  const double present = value();
  seek(position() + 1);
  return present;
}

int64_t Settable::position() const { return shared_->schedule.position(); }

void Settable::seek(int64_t position) { shared_->schedule.seek(position); }

void Settable::Rewind() { shared_->schedule.Rewind(); }

const Sequence::Feedback* Settable::feedback() const { return shared_->schedule.feedback(); }

void Settable::Observe(int64_t iteration, double value) {
  shared_->schedule.Observe(iteration, value);
}

Settable::State Settable::state() const {
  return {position(), shared_->override_value, shared_->schedule.memory_};
}

absl::Status Settable::Restore(const State& state) {
  if (state.position < 0) {
    return absl::InvalidArgumentError(absl::StrCat(shared_->range.field, ": the saved position ",
                                                   state.position, " is negative"));
  }
  if (state.override_value) {
    if (absl::Status status = shared_->range.Check(*state.override_value); !status.ok()) {
      return status;
    }
  }
  if (state.memory.state.size() != shared_->schedule.memory_.state.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        shared_->range.field, ": what was saved of its schedule is that of another one"));
  }
  shared_->schedule.seek(state.position);
  shared_->schedule.memory_ = state.memory;
  shared_->override_value = state.override_value;
  return absl::OkStatus();
}

absl::Status Settable::Restrict(const Range& range) {
  if (absl::Status status = Sequence(*this).Validate(range); !status.ok()) return status;
  shared_->range = range;
  return absl::OkStatus();
}

const Range& Settable::range() const { return shared_->range; }

void Settable::LimitTurns(const Range& turned) { shared_->turned = turned; }

}  // namespace descent
