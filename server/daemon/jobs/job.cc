// This is the wiring of Job's parts: what is added goes through all of them, and so does what has
// landed.

#include "server/daemon/jobs/job.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "proto/rules/states.h"
#include "server/daemon/jobs/origin.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// Appends land at once, so whoever waits so long for one has met a fault: he is told what there is.
constexpr std::chrono::seconds kLandingLimit{1};

Position PositionAfter(const std::string& job_id, const std::vector<v1::Event>& events) {
  Position position{JobFold(job_id)};
  for (const v1::Event& event : events) {
    position.fold.Apply(event);
    position.Follow(event);
  }
  return position;
}

// A snapshot that was damaged is folded anew, from nothing.
JobFold FoldOf(const StoredJob& stored) {
  if (stored.snapshot.head_revision() == 0) return JobFold(stored.journal->job_id());
  JobFold fold(stored.snapshot);
  if (!fold.is_final()) return WithMatrices(*stored.journal, std::move(fold));
  fold.Shrink(Jobs::kMostShown);
  return fold;
}

}  // namespace

Job::Job(Environment environment, std::shared_ptr<JobJournal> journal,
         const std::vector<v1::Event>& events)
    : environment_(std::move(environment)),
      id_(journal->job_id()),
      journal_(std::move(journal)),
      trace_(events.front().created().trace()),
      appender_(
          environment_.clock, journal_, PositionAfter(id_, events), events.back().revision() + 1,
          [this](const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { Follow(event); }),
      book_(NewBook()),
      shelf_(rules::JobName(id_)),
      attempt_(environment_.clock),
      history_loaded_(true) {
  for (const v1::Event& event : events) Follow(event);
}

Job::Job(Environment environment, const StoredJob& stored)
    : environment_(std::move(environment)),
      id_(stored.journal->job_id()),
      journal_(stored.journal),
      trace_(stored.trace),
      appender_(
          environment_.clock, journal_, Position{FoldOf(stored)}, journal_->head_revision() + 1,
          [this](const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { Follow(event); }),
      book_(NewBook()),
      shelf_(rules::JobName(id_)),
      attempt_(environment_.clock),
      resting_(appender_.pending().is_final()) {
  journal_->SetWaiting(appender_.pending().core().stalled());
}

RequestBook Job::NewBook() const {
  return RequestBook(rules::JobName(id_), [loop = environment_.loop](std::function<void()> answer) {
    loop->Post(std::move(answer));
  });
}

// --------------------------------------------------------------------------------- What people see

void Job::AwaitLanded() const {
  const int64_t published = journal_->head_revision();
  MutexLock lock(mutex_);
  while (follows() && appender_.durable().core().head_revision() < published) {
    if (!landed_.WaitFor(mutex_, kLandingLimit)) return;
  }
}

absl::StatusOr<v1::Job> Job::Read() const {
  absl::StatusOr<v1::Job> job;
  std::string key;
  bool following = false;
  {
    MutexLock lock(mutex_);
    following = follows();
    job = resting_ ? appender_.seen().light() : appender_.seen().Full();
    if (resting_) key = CacheKey();
  }
  if (!key.empty()) {
    if (const std::shared_ptr<const v1::Job> known = environment_.cache->Find(key)) {
      job = *known;
    } else if (const absl::StatusOr<JobFold> fold = ReadFold(); fold.ok()) {
      job = fold->Full();
      environment_.cache->Put(key, *job);
    } else if (!absl::IsDataLoss(fold.status())) {
      return fold.status();
    }  // else what is at hand, and that it is damaged
  }
  return WithJournal(*std::move(job), following);
}

absl::StatusOr<v1::Job> Job::ReadLight() const {
  {
    MutexLock lock(mutex_);
    if (!resting_) {
      return WithJournal(appender_.seen().light(), follows());
    }
  }
  absl::StatusOr<v1::Job> job = Read();
  if (job.ok()) {
    job->clear_spec();
    job->clear_summary();
  }
  return job;
}

v1::Job Job::DurableLight() const {
  MutexLock lock(mutex_);
  return WithJournal(appender_.seen().light(), follows());
}

v1::Job Job::WithJournal(v1::Job job, bool follows) const {
  // Who watches from the head on must not miss what is not in the fold yet.
  if (!follows) {
    job.set_head_revision(std::max(job.head_revision(), journal_->head_revision()));
  }
  job.set_compacted_revision(journal_->compacted_revision());
  job.set_damage(std::string(journal_->damage().message()));
  if (!rules::IsFinal(job.state())) job.set_stalled(std::string(journal_->stalled().message()));
  return job;
}

Ownership Job::ownership() const {
  MutexLock lock(mutex_);
  const v1::Job& job = appender_.seen().core();
  return {.owner = job.owner(), .group = job.group()};
}

v1::JobState Job::durable_state() const {
  MutexLock lock(mutex_);
  return appender_.seen().state();
}

// The key is not that of a later namesake.
std::string Job::CacheKey() const {
  return absl::StrCat(id_, "/", present().core().create_time_unix_nanos());
}

void Job::Rest() {
  if (resting_ || !history_loaded_ || !appender_.durable().is_final() || !appender_.all_landed()) {
    return;
  }
  environment_.cache->Put(CacheKey(), present().Full());
  JobFold fold = present();
  fold.Shrink(faded_ ? 0 : Jobs::kMostShown);
  appender_.Restore(Position{std::move(fold)});
  // Whoever reads a checkpoint goes on; nothing removes them any more.
  book_.Rest();
  shelf_.Clear();
  recomputation_ = Recomputation();
  resting_ = true;
}

void Job::LeaveCache() {
  MutexLock lock(mutex_);
  environment_.cache->Erase(CacheKey());
}

void Job::Fade() {
  MutexLock lock(mutex_);
  faded_ = true;
  if (!resting_) return;
  JobFold fold = present();
  fold.Shrink(0);
  appender_.Restore(Position{std::move(fold)});
}

WorkerKind Job::worker_kind() const {
  MutexLock lock(mutex_);
  return present().given().spec().has_program() ? WorkerKind::kProgram : WorkerKind::kLayers;
}

v1::JobState Job::pending_state() const {
  MutexLock lock(mutex_);
  return present().state();
}

// --------------------------------------------------------------------------------------- Appending

void Job::Follow(const v1::Event& event) {
  book_.Apply(event);
  shelf_.Apply(event);
  attempt_.Apply(event);
}

void Job::AddFinal(v1::Event event, Draft* draft) {
  for (const v1::CommandAccepted& accepted : book_.Unresolved()) {
    v1::Event rejection = appender_.NewEvent();
    *rejection.mutable_command_rejected() =
        RejectionOf(accepted, absl::StatusCode::kFailedPrecondition,
                    "The run ended before the request could be applied", reason::kRunEnded);
    appender_.Add(std::move(rejection), draft);
  }
  v1::StateChanged& end = *event.mutable_state_changed();
  if (end.state() == v1::FAILED) end.set_reason(absl::StrCat(end.reason(), WhatIsKept()));
  appender_.Add(std::move(event), draft);
}

std::string Job::WhatIsKept() const {
  const std::vector<CheckpointRecord> kept = shelf_.OfHistory(appender_.lineage());
  if (kept.empty()) return "";
  return absl::StrCat(" (Checkpoint ", kept.front().name, " is kept.)");
}

void Job::Append(Draft draft, std::function<void()> then) {
  if (draft.empty()) {
    // All was compared: it is acknowledged with whatever is still on its way.
    if (!appender_.all_landed()) return;
    const bool at_once = !draft.commit.only_iterations || present().is_final();
    return SendAck(attempt_.Acknowledge(attempt_.taken_sequence(), /*all_landed=*/true, at_once));
  }
  appender_.Append(std::move(draft), [self = shared_from_this(), attempt = attempt_.number(),
                                      sequence = attempt_.taken_sequence(), then = std::move(then)](
                                         const absl::Status& status, const Commit& commit) {
    self->OnLanded(status, commit, attempt, sequence, then);
  });
}

void Job::OnLanded(const absl::Status& status, const Commit& commit, int32_t attempt,
                   int64_t sequence, const std::function<void()>& then) {
  std::vector<SessionHandler::Resume> released;
  {
    MutexLock lock(mutex_);
    TakeLanded(status, commit, attempt, sequence, then);
    if (appender_.bytes_in_flight() <= kMaxBytesInFlight) released.swap(held_back_);
  }
  for (const SessionHandler::Resume& resume : released) resume();
}

void Job::TakeLanded(const absl::Status& status, const Commit& commit, int32_t attempt,
                     int64_t sequence, const std::function<void()>& then) {
  appender_.Land(status, commit);
  landed_.SignalAll();
  if (!status.ok()) {
    if (absl::IsDataLoss(status) || absl::IsNotFound(status)) return AnswerAll(status);
    // This is for good. Nothing is acknowledged; the worker stops when its buffer is full.
    std::string text =
        absl::StrCat("The journal can't be written: ", std::string(status.message()));
    if (attempt_.worker() != nullptr && attempt_.worker()->process().pid > 0) {
      absl::StrAppend(&text, ". The run goes on until its worker can keep no more events; to end ",
                      "it before, end process ", attempt_.worker()->process().pid,
                      " and stop the job once descentd is back");
    }
    return AnswerAll(MakeError(absl::StatusCode::kUnavailable, text, reason::kStoreFailed));
  }
  if (environment_.counts != nullptr) environment_.counts->Add(commit);
  while (!waiting_.empty() && waiting_.front().appends <= appender_.landed()) {
    environment_.loop->Post([then = std::move(waiting_.front().then)] { then(absl::OkStatus()); });
    waiting_.pop_front();
  }
  if (!commit.only_iterations) journal_->SetWaiting(appender_.seen().core().stalled());
  for (const v1::Event& event : commit.events) {
    LogRequest(id_, event);
    if (const v1::CommandAccepted* accepted = book_.Durable(event)) ForwardAccepted(*accepted);
  }
  if (commit.has_checkpoint) DeleteOldCheckpoints();
  if (then) then();
  // While the attempt may be rewound to its base, everything since then is its successor's script.
  if (attempt_.is_live() && !attempt_.is_comparing() && !commit.events.empty()) {
    book_.Forget(commit.events.back().revision());
  }
  if (attempt == attempt_.number()) {
    SendAck(attempt_.Acknowledge(sequence, appender_.all_landed(),
                                 /*at_once=*/!commit.only_iterations));
  }
  Rest();
  if (commit.has_end) {
    environment_.loop->Post([self = shared_from_this()] { self->environment_.finished(self); });
  }
}

void Job::OnceLanded(std::function<void(const absl::Status&)> then) {
  if (appender_.all_landed()) {
    environment_.loop->Post([then = std::move(then)] { then(absl::OkStatus()); });
  } else {
    waiting_.push_back({appender_.appended(), std::move(then)});
  }
}

void Job::AnswerAll(const absl::Status& status) {
  book_.AnswerAll(status);
  for (Waiting& waiting : waiting_) {
    environment_.loop->Post([then = std::move(waiting.then), status] { then(status); });
  }
  waiting_.clear();
}

void Job::SendAck(std::optional<int64_t> sequence) {
  if (sequence.has_value()) attempt_.SendAck(*sequence);
}

void Job::OnHeartbeat(const WorkerPtr& worker) {
  MutexLock lock(mutex_);
  if (!attempt_.is_live() || !attempt_.IsOf(worker)) return;
  SendAck(attempt_.AskAcknowledgement(appender_.all_landed()));
}

// ------------------------------------------------------------------------------------- Checkpoints

int64_t Job::KeptOf(const JobFold& fold) {
  return daemon::KeptCheckpoints(fold.given().spec().checkpoints());
}

void Job::DeleteOldCheckpoints() {
  // A rewind starts at the base, whose file must stay.
  const std::string needed = attempt_.is_recomputing() ? attempt_.base().checkpoint : "";
  std::vector<std::string> names =
      shelf_.TakeSurplus(KeptOf(present()), needed, journal_->head_revision());
  if (names.empty()) return;
  environment_.files->Post(
      [folder = Folder(), names = std::move(names)] { RemoveCheckpoints(folder, names); });
}

void Job::FindPredictor(const std::string& checkpoint, std::function<void(Predictor)> then) {
  environment_.store->Post([self = shared_from_this(), checkpoint, then = std::move(then)] {
    auto predictor = std::make_shared<Predictor>(
        Predictor{.job = self->Read(), .checkpoint = self->HoldCheckpoint(checkpoint)});
    self->environment_.loop->Post([predictor, then] { then(std::move(*predictor)); });
  });
}

absl::StatusOr<std::shared_ptr<const CheckpointRecord>> Job::HoldCheckpoint(
    const std::string& given) {
  if (absl::Status status = LoadHistory(); !status.ok()) return status;
  {
    MutexLock lock(mutex_);
    if (!resting_) {
      absl::StatusOr<CheckpointRecord> chosen =
          shelf_.Choose(given, appender_.lineage(), journal_->head_revision());
      if (!chosen.ok()) return chosen.status();
      shelf_.Hold(chosen->name);
      const auto release = [self = shared_from_this()](const CheckpointRecord* record) {
        {
          MutexLock held(self->mutex_);
          self->shelf_.Release(record->name);
        }
        delete record;
      };
      return std::shared_ptr<const CheckpointRecord>(new CheckpointRecord(*std::move(chosen)),
                                                     release);
    }
  }
  absl::StatusOr<CheckpointRecord> chosen = ReadCheckpoint(given);
  if (!chosen.ok()) return chosen.status();
  return std::make_shared<const CheckpointRecord>(*std::move(chosen));
}

}  // namespace descent::daemon
