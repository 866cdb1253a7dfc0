#include "server/daemon/jobs/appender.h"

#include <optional>
#include <utility>

#include "core/text/utf8.h"
#include "proto/rules/states.h"

namespace descent::daemon {
namespace {

// Retention is asked for once in so many bytes.
constexpr int64_t kRetainEvery = 1 << 20;
constexpr int64_t kDefaultRetention = int64_t{1} << 30;

}  // namespace

void Position::Follow(const v1::Event& event) {
  if (event.has_rewound()) {
    lineage.Rewind(event.rewound().to_iteration(), event.rewound().to_branch());
    head_iteration = event.rewound().to_iteration();
  }
}

Appender::Appender(const server::Clock* clock, std::shared_ptr<JobJournal> journal,
                   Position position, int64_t next_revision,
                   std::function<void(const v1::Event&)> on_event)
    : clock_(clock),
      journal_(std::move(journal)),
      on_event_(std::move(on_event)),
      pending_(std::move(position)),
      durable_(pending_.fold),
      next_revision_(next_revision) {}

void Appender::Restore(Position position) {
  pending_ = std::move(position);
  durable_ = JobFold(pending_.fold);  // moved: a message that is copied over keeps its room
}

// Watchers are told of the end a moment before its callback comes here: who then asks for the job
// must not hear that it runs.
const JobFold& Appender::seen() const {
  return journal_->final_revision() > 0 ? pending_.fold : durable_;
}

// ---------------------------------------------------------------------------------- Making events

v1::Event Appender::NewEvent() const {
  v1::Event event;
  event.set_time_unix_nanos(static_cast<uint64_t>(clock_->WallNanos()));
  event.set_attempt(pending().core().attempt());
  event.set_branch(lineage().branch());
  return event;
}

v1::Event Appender::NewState(v1::JobState state, const std::string& reason) const {
  v1::Event event = NewEvent();
  v1::StateChanged& changed = *event.mutable_state_changed();
  changed.set_state(state);
  changed.set_old_state(pending().state());
  if (head_iteration() >= 0) changed.set_iteration(head_iteration());
  changed.set_reason(ValidUtf8(reason));  // it may quote a file's name, or a worker's log
  return event;
}

v1::Event Appender::NewNotice(const std::string& message) const {
  v1::Event event = NewEvent();
  event.mutable_notice()->set_severity(v1::Notice::WARNING);
  event.mutable_notice()->set_message(ValidUtf8(message));
  return event;
}

// ---------------------------------------------------------------------------------------- Drafting

void Appender::Add(v1::Event event, Draft* draft) {
  event.clear_revision();
  PendingEvent pending = ToPending(event);
  AddSerialized(std::move(pending), std::move(event), draft);
}

void Appender::AddSerialized(PendingEvent pending, v1::Event event, Draft* draft) {
  FoldLastIteration(draft);
  event.set_revision(next_revision_++);
  pending_.fold.Apply(event);
  pending_.Follow(event);
  on_event_(event);
  draft->commit.only_iterations = false;
  if (event.has_checkpoint_saved()) draft->commit.has_checkpoint = true;
  if (event.has_state_changed() && rules::IsFinal(event.state_changed().state())) {
    draft->commit.has_end = true;
  }
  draft->pending.push_back(std::move(pending));
  draft->commit.events.push_back(std::move(event));
}

void Appender::AddIteration(PendingEvent pending, Draft* draft) {
  pending_.head_iteration = pending.iteration;
  pending_.last_iteration_revision = next_revision_++;
  appended_bytes_ += static_cast<int64_t>(pending.bytes.size());
  draft->pending.push_back(std::move(pending));
  ++draft->commit.iterations;
  draft->has_unfolded_iteration = true;
}

void Appender::FoldLastIteration(Draft* draft) {
  if (!draft->has_unfolded_iteration) return;
  draft->has_unfolded_iteration = false;
  v1::Event event;
  event.ParseFromString(draft->pending.back().bytes);  // was scanned before: it is well-formed
  event.set_revision(next_revision_ - 1);
  pending_.fold.Apply(event);
  draft->commit.events.push_back(std::move(event));
}

// --------------------------------------------------------------------------------------- Appending

void Appender::Append(Draft draft, Landed landed) {
  FoldLastIteration(&draft);
  for (const PendingEvent& event : draft.pending) {
    draft.commit.bytes += static_cast<int64_t>(event.bytes.size());
  }
  bytes_in_flight_ += draft.commit.bytes;
  auto commit = std::make_shared<const Commit>(std::move(draft.commit));
  // The snapshot comes with each append of anything but iterations, so that what follows a snapshot
  // is iterations alone.
  std::optional<v1::Job> snapshot;
  if (!commit->only_iterations) snapshot = pending().Stored();
  ++appended_;
  journal_->Append(
      std::move(draft.pending), std::move(snapshot),
      [commit, landed = std::move(landed)](const absl::StatusOr<JobJournal::Appended>& appended) {
        landed(appended.status(), *commit);
      });
  if (appended_bytes_ >= kRetainEvery) {
    appended_bytes_ = 0;
    const v1::Retention& retention = pending().given().spec().retention();
    journal_->Retain(retention.has_max_bytes() ? retention.max_bytes() : kDefaultRetention);
  }
}

void Appender::Land(const absl::Status& status, const Commit& commit) {
  ++landed_;
  bytes_in_flight_ -= commit.bytes;
  if (!status.ok()) return;
  for (const v1::Event& event : commit.events) durable_.Apply(event);
  durable_.ShareNames(pending());
}

}  // namespace descent::daemon
