#include "server/worker/session/journalist.h"

#include <utility>

namespace descent::worker {

void Journalist::Stamp(::descent::v1::Event* event) {
  event->set_time_unix_nanos(static_cast<uint64_t>(clock_->WallNanos()));
  event->set_attempt(attempt_);
  event->set_branch(branch_);
  event->set_sequence(++sequence_);
}

void Journalist::WriteIteration() {
  Stamp(&event_);
  event_.SerializeToString(&buffer_);
  outbox_->Append(buffer_);
}

void Journalist::Write(std::vector<::descent::v1::Event> events) {
  std::vector<std::string> serialized;
  for (::descent::v1::Event& event : events) {
    Stamp(&event);
    serialized.push_back(event.SerializeAsString());
  }
  outbox_->Append({serialized.begin(), serialized.end()}, /*urgent=*/true);
}

void Journalist::Write(::descent::v1::Event event) {
  std::vector<::descent::v1::Event> events;
  events.push_back(std::move(event));
  Write(std::move(events));
}

}  // namespace descent::worker
