#include "server/worker/session/journalist.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/message_text.h"
#include "server/common/limits.h"
#include "server/common/log.h"

namespace descent::worker {

void Journalist::Stamp(::descent::v1::Event* event) {
  event->set_time_unix_nanos(static_cast<uint64_t>(clock_->WallNanos()));
  event->set_attempt(attempt_);
  event->set_branch(branch_);
  event->set_sequence(++sequence_);
}

bool Journalist::Fits(const ::descent::v1::Event& event, size_t bytes) {
  if (!too_large_.empty()) return false;
  if (bytes <= server::kMaxEventBytes) return true;
  const auto* kind = event.GetDescriptor()->FindFieldByNumber(static_cast<int>(event.kind_case()));
  too_large_ =
      absl::StrCat("An event of ", bytes, " bytes (", kind == nullptr ? "?" : kind->name(),
                   ") is more than the ", server::kMaxEventBytes, " that a journal takes.");
  return false;
}

void Journalist::WriteIteration() {
  Stamp(&event_);
  event_.SerializeToString(&buffer_);
  if (Fits(event_, buffer_.size())) {
    outbox_->Append(buffer_);
  } else {
    --sequence_;
  }
}

void Journalist::Write(std::vector<::descent::v1::Event> events) {
  for (::descent::v1::Event& event : events) {
    // Text is made valid where it comes from (core/text); an event with other text could be
    // journaled by nobody, and its run would be lost.
    if (const std::string field = MakeTextValid(&event); !field.empty()) {
      server::LogWarning("journal", absl::StrCat(field, " was not UTF-8 and is kept with U+FFFD"));
    }
    if (!Fits(event, event.ByteSizeLong())) return;
  }
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
