// The part of Job that begins and ends attempts (DESIGN.md, 1, rules 5, 6 and 10).

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/common/log.h"
#include "server/daemon/jobs/digest.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/sockets/descriptors.h"

namespace descent::daemon {
namespace {

using server::LogInfo;
using server::LogWarning;
using server::MutexLock;

constexpr int kMaxFruitlessAttempts = 3;
constexpr int64_t kFirstBackOff = 100'000'000;
constexpr int64_t kDefaultKeep = 3;

bool IsIntact(const CheckpointRecord& record, const std::string& path, bool read_it) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || static_cast<int64_t>(size) != record.bytes) return false;
  if (!read_it) return true;
  const std::string digest = FileSha256(path);
  // One that can't be read for want of a descriptor is not damaged; its worker will look at it.
  return digest == record.sha256 || (digest.empty() && !CheckDescriptors().ok());
}

// What workers that are no more had begun to write: `{checkpoint}.safetensors.{pid}-{n}.tmp`. One
// that still lives (stopped, perhaps) keeps its own.
void RemoveUnfinished(const std::string& dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir + "/checkpoints", error)) {
    const std::vector<std::string> parts = absl::StrSplit(entry.path().filename().string(), '.');
    int pid = 0;
    if (parts.size() < 3 || parts.back() != "tmp" ||
        !absl::SimpleAtoi(parts[parts.size() - 2].substr(0, parts[parts.size() - 2].find('-')),
                          &pid) ||
        pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH) {
      continue;
    }
    std::filesystem::remove(entry.path(), error);
  }
}

}  // namespace

bool Job::StartAttempt(const WorkerPtr& worker) {
  if (!damage().ok()) return false;
  std::vector<CheckpointRecord> candidates;
  bool suspicious = false;
  Lineage lineage;
  {
    MutexLock lock(mutex_);
    if (pending_.is_final() || attempt_.phase != Phase::kIdle) return false;
    lineage = history_.lineage();
    for (const CheckpointRecord& record : history_.checkpoints()) {
      if (lineage.Holds(record.branch, record.iteration)) candidates.push_back(record);
    }
    suspicious = checkpoint_suspected_;
  }
  RemoveUnfinished(environment_.dir);
  // Hashing takes a second a gigabyte: only when an attempt from there came to nothing.
  CheckpointRecord checkpoint;
  checkpoint.iteration = -1;
  std::vector<std::string> damaged;
  for (auto it = candidates.rbegin(); it != candidates.rend(); ++it) {
    if (IsIntact(*it, CheckpointPath(it->name), suspicious)) {
      checkpoint = *it;
      break;
    }
    damaged.push_back(it->name);
  }
  if (absl::Status status = RecallScript(checkpoint.iteration); !status.ok()) {
    LogWarning(absl::StrCat("jobs/", id_), std::string(status.message()));
    return false;
  }
  double elapsed_seconds = 0;
  if (checkpoint.iteration >= 0) {
    std::map<int64_t, v1::Iteration> iterations;
    if (ReadRow(lineage, checkpoint.iteration, &iterations).ok()) {
      elapsed_seconds = iterations[checkpoint.iteration].elapsed_seconds();
    }
  }

  MutexLock lock(mutex_);
  if (pending_.is_final() || attempt_.phase != Phase::kIdle) return false;
  const int32_t number = history_.attempt().number + 1;
  attempt_ = Attempt{};
  attempt_.phase = Phase::kStarting;
  attempt_.number = number;
  attempt_.worker = worker;
  attempt_.checkpoint = checkpoint.name;
  attempt_.checkpoint_iteration = checkpoint.iteration;
  attempt_.elapsed_seconds = elapsed_seconds;
  attempt_.recompute_until = head_iteration_;
  attempt_.recomputing = head_iteration_ > checkpoint.iteration;
  attempt_.comparing = head_iteration_ >= 0;
  compared_.clear();

  Draft draft;
  for (const std::string& name : damaged) {
    Add(NewNotice(absl::StrCat("Checkpoint ", name, " is missing or damaged and is passed over")),
        &draft);
  }
  const v1::JobState state = number == 1 ? v1::PREPARING : v1::RECOVERING;
  if (pending_.state() != state) Add(NewState(state, ""), &draft);
  v1::Event event = NewEvent();
  event.set_attempt(number);
  event.mutable_attempt_started()->set_checkpoint(checkpoint.name);
  v1::WorkerInfo& info = *event.mutable_attempt_started()->mutable_worker();
  info = environment_.supervisor->info(worker);
  // Of the attempt, where the worker could only speak of itself as a spare.
  const v1::Execution& execution = pending_.given().spec().execution();
  if (execution.has_threads()) info.set_threads(execution.threads());
  if (execution.has_device()) info.set_device(execution.device());
  Add(std::move(event), &draft);
  environment_.supervisor->MoveLog(worker,
                                   absl::StrCat(environment_.dir, "/worker-", number, ".log"));
  Append(std::move(draft), [this, number]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (attempt_.number != number || attempt_.phase != Phase::kStarting) return;
    attempt_.phase = Phase::kLive;
    SendStart();
  });
  LogInfo(absl::StrCat("jobs/", id_),
          absl::StrCat("attempt ", number, " starts from ",
                       checkpoint.name.empty() ? "the starting point" : checkpoint.name,
                       " in worker ", worker->process().pid));
  return true;
}

void Job::SendStart() {
  worker::v1::DaemonMessage message;
  worker::v1::Start& start = *message.mutable_start();
  start.set_job(absl::StrCat("jobs/", id_));
  start.set_attempt(attempt_.number);
  start.set_branch(history_.lineage().branch());
  *start.mutable_spec() = pending_.given().spec();
  *start.mutable_summary() = pending_.given().summary();
  start.set_checkpoint_dir(absl::StrCat(environment_.dir, "/checkpoints"));
  start.set_checkpoint(attempt_.checkpoint);
  for (const CheckpointRecord& record : history_.checkpoints()) {
    if (record.name == attempt_.checkpoint) start.set_checkpoint_sha256(record.sha256);
  }
  start.set_recompute_until(attempt_.recompute_until);
  for (worker::v1::Scripted& scripted : book_.Script(attempt_.checkpoint_iteration)) {
    *start.add_script() = std::move(scripted);
  }
  for (v1::CommandAccepted& accepted : book_.Unresolved(/*deliverable=*/true)) {
    *start.add_unresolved() = std::move(accepted);
  }
  start.set_elapsed_seconds(attempt_.elapsed_seconds);
  attempt_.worker->Send(std::move(message));
}

void Job::OnUnstarted(const WorkerPtr& worker) {
  int64_t checkpoint_iteration = -1;
  {
    MutexLock lock(mutex_);
    checkpoint_iteration = attempt_.checkpoint_iteration;
  }
  // Damage: the job is being taken out of service.
  if (!RecallScript(checkpoint_iteration).ok()) return;
  MutexLock lock(mutex_);
  if (attempt_.worker != worker || pending_.is_final()) return;
  if (attempt_.phase == Phase::kStarting) return;  // Start follows
  if (attempt_.phase == Phase::kIdle) return;
  attempt_.phase = Phase::kLive;
  SendStart();
}

ProcessId Job::RunningProcess() const {
  MutexLock lock(mutex_);
  const v1::WorkerInfo& worker = history_.attempt().started.worker();
  return {worker.pid(), worker.process_start_ticks()};
}

void Job::AwaitWorker(const WorkerPtr& worker) {
  BeginAwait(worker);
  int64_t checkpoint_iteration = -1;
  {
    MutexLock lock(mutex_);
    if (!attempt_.comparing) return;
    checkpoint_iteration = attempt_.checkpoint_iteration;
  }
  // What it re-computes may differ and be rewound to there. Damage: the job leaves service.
  RecallScript(checkpoint_iteration).IgnoreError();
}

void Job::BeginAwait(const WorkerPtr& worker) {
  MutexLock lock(mutex_);
  const History::Attempt& started = history_.attempt();
  const int64_t taken = attempt_.taken_sequence;  // found by LoadHistory
  attempt_ = Attempt{};
  attempt_.phase = Phase::kAwaited;
  attempt_.number = started.number;
  attempt_.worker = worker;
  attempt_.checkpoint = started.started.checkpoint();
  for (const CheckpointRecord& record : history_.checkpoints()) {
    if (record.name == attempt_.checkpoint) attempt_.checkpoint_iteration = record.iteration;
  }
  attempt_.recompute_until = head_iteration_;
  attempt_.recomputing = last_iteration_revision_ < started.revision &&
                         head_iteration_ > attempt_.checkpoint_iteration;
  attempt_.comparing = last_iteration_revision_ < started.revision && head_iteration_ >= 0;
  attempt_.taken_sequence = attempt_.durable_sequence = attempt_.acknowledged_sequence = taken;
}

absl::StatusOr<worker::v1::Welcome> Job::OnReconnect(const WorkerPtr& worker,
                                                     const worker::v1::Hello& hello) {
  MutexLock lock(mutex_);
  const bool current = hello.attempt() == attempt_.number &&
                       (attempt_.phase == Phase::kAwaited ||
                        (attempt_.phase == Phase::kLive && attempt_.worker == worker));
  if (!current) {
    return absl::AbortedError(pending_.is_final() ? "The job is over"
                                                  : "Another attempt has taken over");
  }
  attempt_.phase = Phase::kLive;
  attempt_.worker = worker;
  // What is before is acknowledged, so it is durable, even if it was only compared.
  const int64_t before = hello.first_unacknowledged_sequence() - 1;
  attempt_.taken_sequence = std::max(attempt_.taken_sequence, before);
  attempt_.durable_sequence = std::max(attempt_.durable_sequence, before);
  worker::v1::Welcome welcome;
  attempt_.acknowledged_sequence = attempt_.durable_sequence;
  welcome.set_acknowledged_sequence(attempt_.durable_sequence);
  for (v1::CommandAccepted& accepted : book_.Unresolved(/*deliverable=*/true)) {
    *welcome.add_unresolved() = std::move(accepted);
  }
  LogInfo(absl::StrCat("jobs/", id_), absl::StrCat("worker ", worker->process().pid, " is back"));
  return welcome;
}

void Job::OnLost(const WorkerPtr& worker, const std::string& cause, bool clean,
                 bool shutting_down) {
  MutexLock lock(mutex_);
  if (attempt_.worker != worker || attempt_.phase == Phase::kIdle) return;
  if (pending_.is_final()) return Unbind();
  if (shutting_down) {
    Unbind();
    // It saved a checkpoint and left: no attempt was wasted.
    if (!clean) return;
    Draft draft;
    Add(NewState(v1::QUEUED, "The daemon was stopped; the run goes on when it is back"), &draft);
    return Append(std::move(draft));
  }
  EndAttempt(clean ? absl::StrCat(cause, " before the run was over") : cause, Draft{});
}

void Job::Unbind() {
  attempt_.phase = Phase::kIdle;
  attempt_.worker = nullptr;
  attempt_.recomputing = attempt_.comparing = false;
  compared_.clear();
  compared_evaluations_.clear();
}

void Job::LeaveService(const absl::Status& damage) {
  MutexLock lock(mutex_);
  if (attempt_.worker != nullptr) attempt_.worker->Fence("The job's stored journal is damaged");
  Unbind();
  book_.AnswerAll(damage);
}

void Job::EndAttempt(const std::string& cause, Draft draft) {
  const int fruitless = history_.FruitlessAttempts(last_iteration_revision_);
  checkpoint_suspected_ = fruitless > 0;
  LogWarning(absl::StrCat("jobs/", id_), absl::StrCat("attempt ", attempt_.number, ": ", cause));
  Add(NewNotice(absl::StrCat("Attempt ", attempt_.number, " ended: ", cause)), &draft);
  Unbind();
  if (fruitless >= kMaxFruitlessAttempts) {
    v1::Event end = NewState(
        v1::FAILED,
        absl::StrCat(fruitless, " attempts without a new iteration; the last one ended: ", cause));
    end.mutable_state_changed()->set_error_reason("ATTEMPTS_EXHAUSTED");
    AddFinal(std::move(end), &draft);
    return Append(std::move(draft));
  }
  if (pending_.state() != v1::RECOVERING) Add(NewState(v1::RECOVERING, cause), &draft);
  Append(std::move(draft));
  WantWorker(fruitless <= 1 ? 0 : kFirstBackOff << (fruitless - 1));
}

void Job::WantWorker(int64_t delay_nanos) {
  environment_.loop->Post([self = shared_from_this(), delay_nanos] {
    self->environment_.wants_worker(self, delay_nanos);
  });
}

WorkerPtr Job::Abandon(const std::string& reason) {
  MutexLock lock(mutex_);
  WorkerPtr worker = attempt_.worker;
  if (!pending_.is_final() && damage().ok()) {
    Draft draft;
    AddFinal(NewState(v1::STOPPED, reason), &draft);
    Append(std::move(draft));
  }
  if (worker != nullptr) worker->Fence(reason);
  Unbind();
  return worker;
}

std::string Job::CheckpointPath(const std::string& name) const {
  return absl::StrCat(environment_.dir, "/checkpoints/", name, ".safetensors");
}

int64_t Job::KeptCheckpoints() const {
  const v1::Checkpoints& policy = pending_.given().spec().checkpoints();
  return std::max<int64_t>(1, policy.has_keep() ? policy.keep() : kDefaultKeep);
}

void Job::DeleteOldCheckpoints() {
  const int64_t keep = KeptCheckpoints();
  std::vector<std::string> paths;
  std::vector<std::string> names;
  const auto& records = history_.checkpoints();
  for (int64_t i = 0; i + keep < static_cast<int64_t>(records.size()); ++i) {
    const std::string& name = records[static_cast<size_t>(i)].name;
    if (attempt_.recomputing && name == attempt_.checkpoint) continue;  // a rewind starts there
    if (held_.count(name) > 0) continue;
    names.push_back(name);
    paths.push_back(CheckpointPath(name));
  }
  for (const std::string& name : names) history_.ForgetCheckpoint(name);
  if (paths.empty()) return;
  environment_.loop->Post([paths] {
    std::error_code ignored;
    for (const std::string& path : paths) std::filesystem::remove(path, ignored);
  });
}

}  // namespace descent::daemon
