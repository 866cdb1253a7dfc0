// The part of Job that begins attempts, and takes them up again after a restart or a gap (rules 5
// and 6 of server/README.md). How they end is in job_ends.cc.

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "server/common/log.h"
#include "server/daemon/datasets/spec_datasets.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/program.h"

namespace descent::daemon {
namespace {

using server::LogInfo;
using server::LogWarning;
using server::MutexLock;

}  // namespace

// ---------------------------------------------------------------------- The beginning

void Job::StartAttempt(const WorkerPtr& worker, std::function<void()> refused) {
  std::vector<CheckpointRecord> candidates;
  FileDigest digest;
  bool wanted = false;
  {
    MutexLock lock(mutex_);
    wanted = damage().ok() && !present().is_final() && attempt_.is_idle();
    if (wanted) {
      attempt_.Prepare(worker);
      candidates = shelf_.OfHistory(appender_.lineage());
      for (const CheckpointRecord& record : candidates) shelf_.Hold(record.name);
      // Hashing takes a second a gigabyte: only when an attempt from there came to nothing.
      if (checkpoint_suspected_) digest = environment_.digest;
    }
  }
  if (!wanted) return refused();
  environment_.files->Post([self = shared_from_this(), worker, refused = std::move(refused),
                            candidates = std::move(candidates), digest = std::move(digest)] {
    RemoveUnfinished(self->Folder());
    const Beginning beginning =
        self->ReadBeginning(InspectCheckpoints(self->Folder(), candidates, digest));
    const auto finish = [self, worker, refused, candidates, beginning](const absl::Status& script) {
      if (!self->FinishStart(worker, beginning, script)) refused();
      std::vector<std::function<void()>> postponed;
      {
        MutexLock lock(self->mutex_);
        for (const CheckpointRecord& record : candidates) self->shelf_.Release(record.name);
        postponed = self->attempt_.TakePostponed();
      }
      for (const auto& told : postponed) told();
    };
    self->environment_.loop->Post([self, finish, base = beginning.inspection.checkpoint.iteration] {
      self->RecallScript(base, finish);
    });
  });
}

Job::Beginning Job::ReadBeginning(Inspection inspection) const {
  const int64_t base = inspection.checkpoint.iteration;
  Beginning beginning{.inspection = std::move(inspection)};
  if (base < 0) return beginning;
  Lineage lineage;
  {
    MutexLock lock(mutex_);
    lineage = appender_.lineage();
  }
  std::map<int64_t, v1::Iteration> iterations;
  if (ReadIterations(*journal_, lineage, base, &iterations).ok()) {
    beginning.elapsed_seconds = iterations[base].elapsed_seconds();
  }
  return beginning;
}

bool Job::FinishStart(const WorkerPtr& worker, const Beginning& beginning,
                      const absl::Status& script) {
  MutexLock lock(mutex_);
  if (!attempt_.is_preparing() || !attempt_.IsOf(worker)) return false;
  absl::Status status = damage();
  status.Update(script);
  if (!status.ok()) {
    LogWarning({.job = rules::JobName(id_)}, std::string(status.message()));
    Unbind();
    return false;
  }
  BeginAttempt(beginning);
  return true;
}

void Job::BeginAttempt(const Beginning& beginning) {
  const CheckpointRecord& checkpoint = beginning.inspection.checkpoint;
  const Attempt::Base base = {checkpoint.name, checkpoint.iteration, beginning.elapsed_seconds};
  Draft draft;
  for (const std::string& name : beginning.inspection.passed_over) {
    appender_.Add(appender_.NewNotice(absl::StrCat("Checkpoint ", name,
                                                   " is missing or damaged and is passed over")),
                  &draft);
  }
  // What the worker can't compute again, to be compared, it leaves behind.
  if (appender_.head_iteration() >= 0 && !attempt_.worker()->capabilities().recompute()) {
    appender_.Add(NewRewound(base, v1::Rewound::RESTARTED, ""), &draft);
  }
  attempt_.Start(base, appender_.head_iteration());
  recomputation_ = Recomputation();
  const int32_t number = attempt_.number();
  RejectImpossible(&draft);
  const v1::JobState state = number == 1 ? v1::PREPARING : v1::RECOVERING;
  if (present().state() != state) appender_.Add(appender_.NewState(state, ""), &draft);
  v1::Event event = appender_.NewEvent();
  event.set_attempt(number);
  event.mutable_attempt_started()->set_checkpoint(checkpoint.name);
  v1::WorkerInfo& info = *event.mutable_attempt_started()->mutable_worker();
  info = environment_.supervisor->info(attempt_.worker());
  // The information is the attempt's, where the worker could only speak of itself as a spare.
  const v1::Execution& execution = present().given().spec().execution();
  if (execution.has_threads()) info.set_threads(execution.threads());
  if (execution.has_device()) info.set_device(execution.device());
  *event.mutable_attempt_started()->mutable_confinement() =
      environment_.supervisor->confinement(attempt_.worker());
  appender_.Add(std::move(event), &draft);
  environment_.supervisor->MoveLog(attempt_.worker(),
                                   absl::StrCat(environment_.dir, "/worker-", number, ".log"));
  Append(std::move(draft), [this, number]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (attempt_.GoLive(number)) SendStart();
  });
  LogInfo({.job = rules::JobName(id_), .attempt = number, .trace = TraceId()},
          absl::StrCat("attempt ", number, " starts from ",
                       checkpoint.name.empty() ? "the starting point" : checkpoint.name,
                       " in worker ", attempt_.worker()->process().pid));
}

void Job::RejectImpossible(Draft* draft) {
  for (const v1::CommandAccepted& accepted : book_.Unresolved()) {
    const absl::Status possible = CheckCapabilities(accepted, attempt_.worker()->capabilities());
    if (possible.ok()) continue;
    v1::Event event = appender_.NewEvent();
    *event.mutable_command_rejected() =
        RejectionOf(accepted, possible.code(), std::string(possible.message()),
                    GetErrorDetail(possible).reason);
    appender_.Add(std::move(event), draft);
  }
}

void Job::SendStart() {
  const Attempt::Base& base = attempt_.base();
  worker::v1::DaemonMessage message;
  worker::v1::Start& start = *message.mutable_start();
  start.set_job(rules::JobName(id_));
  start.set_attempt(attempt_.number());
  start.set_branch(appender_.lineage().branch());
  *start.mutable_spec() = present().given().spec();
  *start.mutable_summary() = present().given().summary();
  LocateDatasets(environment_.datasets, start.mutable_spec());
  LocateDatasets(environment_.datasets, start.mutable_summary());
  start.set_checkpoint_dir(Folder());
  start.set_checkpoint(base.checkpoint);
  if (const CheckpointRecord* record = shelf_.Find(base.checkpoint)) {
    start.set_checkpoint_sha256(record->sha256);
  }
  start.set_recompute_until(attempt_.recompute_until());
  for (worker::v1::Scripted& scripted : book_.Script(base.iteration)) {
    *start.add_script() = std::move(scripted);
  }
  for (v1::CommandAccepted& accepted : book_.Unresolved(/*deliverable=*/true)) {
    *start.add_unresolved() = std::move(accepted);
  }
  start.set_elapsed_seconds(base.elapsed_seconds);
  if (!trace_.parent().empty()) *start.mutable_trace() = trace_;
  attempt_.Send(std::move(message));
}

void Job::OnUnstarted(const WorkerPtr& worker) {
  int64_t base = -1;
  {
    MutexLock lock(mutex_);
    if (attempt_.is_preparing()) return;  // Start follows
    if (!attempt_.IsOf(worker) || present().is_final()) return;
    base = attempt_.base().iteration;
    if (book_.HasScript(base)) {
      if (attempt_.StartAgain()) SendStart();
      return;
    }
  }
  RecallScript(base, [self = shared_from_this(), worker](const absl::Status& script) {
    // Damage means that the job is being taken out of service.
    if (script.ok()) self->OnUnstarted(worker);
  });
}

// --------------------------------------------------------- After a restart, or a gap

ProcessId Job::RunningProcess() const {
  MutexLock lock(mutex_);
  const v1::WorkerInfo& worker = attempt_.newest().started.worker();
  return {worker.pid(), worker.process_start_ticks()};
}

void Job::AwaitWorker(const WorkerPtr& worker) {
  BeginAwait(worker);
  {
    MutexLock lock(mutex_);
    if (!attempt_.is_comparing() || book_.HasScript(attempt_.base().iteration)) return;
  }
  // What it re-computes may differ and be rewound to there. This is at the daemon's start, when
  // there are no leases to watch yet. If there is damage, the job leaves service.
  ReadScript().IgnoreError();
}

void Job::BeginAwait(const WorkerPtr& worker) {
  MutexLock lock(mutex_);
  Attempt::Base base{.checkpoint = attempt_.newest().started.checkpoint()};
  if (const CheckpointRecord* record = shelf_.Find(base.checkpoint)) {
    base.iteration = record->iteration;
  }
  attempt_.Await(worker, std::move(base), appender_.head_iteration(),
                 appender_.last_iteration_revision());
}

absl::StatusOr<worker::v1::Welcome> Job::OnReconnect(const WorkerPtr& worker,
                                                     const worker::v1::Hello& hello) {
  MutexLock lock(mutex_);
  if (!attempt_.Reconnect(worker, hello)) {
    return absl::AbortedError(appender_.seen().is_final() ? "The job is over"
                                                          : "Another attempt has taken over");
  }
  Draft draft;
  RejectImpossible(&draft);
  if (!draft.empty()) Append(std::move(draft));
  worker::v1::Welcome welcome;
  welcome.set_acknowledged_sequence(attempt_.durable_sequence());
  for (v1::CommandAccepted& accepted : book_.Unresolved(/*deliverable=*/true)) {
    *welcome.add_unresolved() = std::move(accepted);
  }
  LogInfo({.job = rules::JobName(id_), .attempt = attempt_.number()},
          absl::StrCat("worker ", worker->process().pid, " is back"));
  return welcome;
}

}  // namespace descent::daemon
