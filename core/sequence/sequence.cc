#include "core/sequence/sequence.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/settable.h"
#include "core/sequence/shared.h"

namespace descent {

Sequence::Sequence(double constant)
    : function_([constant](int64_t) { return constant; }), bounds_(Bounds{constant, constant}) {}

Sequence::Sequence(Function function, std::optional<Bounds> bounds)
    : function_(std::move(function)), bounds_(bounds) {}

Sequence::Sequence(Feedback feedback, std::optional<Bounds> bounds)
    : feedback_(std::make_shared<const Feedback>(std::move(feedback))),
      bounds_(bounds),
      memory_{.state = feedback_->state} {}

Sequence::Sequence(const Settable& settable) : shared_(settable.shared_) {}

double Sequence::value() const {
  if (!shared_) return at(position_);
  return shared_->override_value ? *shared_->override_value : shared_->schedule.value();
}

double Sequence::next() {
  const double present = value();
  seek(position() + 1);
  return present;
}

double Sequence::at(int64_t position) const {
  if (shared_) return shared_->schedule.at(position);
  return feedback_ ? feedback_->number(position, memory_.state) : function_(position);
}

int64_t Sequence::position() const { return shared_ ? shared_->schedule.position() : position_; }

void Sequence::seek(int64_t position) {
  if (shared_) {
    shared_->schedule.seek(position);
  } else {
    position_ = position;
  }
}

void Sequence::Rewind() {
  if (shared_) return shared_->schedule.Rewind();
  position_ = 0;
  if (feedback_) memory_ = {.state = feedback_->state};
}

const Sequence::Feedback* Sequence::feedback() const {
  return shared_ ? shared_->schedule.feedback() : feedback_.get();
}

void Sequence::Observe(int64_t iteration, double value) {
  if (shared_) return shared_->schedule.Observe(iteration, value);
  if (!feedback_ || iteration < memory_.observed) return;
  feedback_->observe(iteration, value, memory_.state);
  memory_.observed = iteration + 1;
}

const std::optional<Sequence::Bounds>& Sequence::bounds() const {
  return shared_ ? shared_->schedule.bounds() : bounds_;
}

absl::Status Sequence::Validate(const Range& range) const {
  if (absl::Status status = range.Check(value()); !status.ok()) return status;
  if (!bounds().has_value()) return absl::OkStatus();
  for (const double bound : {bounds()->least, bounds()->greatest}) {
    absl::Status status = range.Check(bound);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(status.message(), " all along the schedule"));
    }
  }
  return absl::OkStatus();
}

}  // namespace descent
