// The part of the supervisor that finds out that a worker is gone: by its process, or its silence.

#include <algorithm>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/common/log.h"
#include "server/daemon/workers/last_words.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {
namespace {

using server::kSecond;
using server::LogWarning;
using server::MutexLock;

// Names it for the figures.
std::string HowLost(const ProcessExit& exit) {
  if (exit.memory_limit) return "memory";
  if (!exit.known) return "gone";
  return exit.signal != 0 ? "killed" : "failed";
}

}  // namespace

std::map<std::string, int64_t> Supervisor::losses() const {
  std::map<std::string, int64_t> named;
  for (const auto& [words, count] : losses_.counts()) named[words[0]] = count;
  return named;
}

WorkerPtr Supervisor::Await(const std::string& job, WorkerKind kind, const ProcessId& process) {
  auto worker = std::make_shared<Worker>(absl::StrCat("awaited-", process.pid), process, kind);
  worker->state_ = Worker::State::kAssigned;
  worker->job_ = job;
  Add(worker);
  return worker;
}

void Supervisor::WhenGone(const WorkerPtr& worker, std::function<void()> gone) {
  if (std::find(workers_.begin(), workers_.end(), worker) == workers_.end()) return gone();
  when_gone_[worker->id()].push_back(std::move(gone));
}

void Supervisor::OnExit(const WorkerPtr& worker, const ProcessExit& exit) {
  workers_.remove(worker);
  ConnectionPtr connection;
  {
    MutexLock lock(worker->mutex_);
    connection = std::exchange(worker->connection_, nullptr);
  }
  std::string cause = absl::StrCat("worker ", worker->process().pid, " ", DescribeExit(exit));
  if (!exit.clean()) {
    if (const std::string line = worker->log_path_.empty() ? "" : LastWords(worker->log_path_);
        !line.empty()) {
      absl::StrAppend(&cause, "; its last words: ", line);
    }
  }
  if (!worker->fenced()) {
    if (!exit.clean()) losses_.Add({HowLost(exit)});
    Lost(worker, cause, exit.clean());
  }
  worker->fenced_ = true;  // what its connection still brings is too late
  const bool expected = exit.clean() || worker->replaced_;
  if (worker->state_ != Worker::State::kAssigned && expected && !worker->log_path_.empty()) {
    std::remove(worker->log_path_.c_str());
  }
  if (const auto it = when_gone_.find(worker->id()); it != when_gone_.end()) {
    const auto gone = std::move(it->second);
    when_gone_.erase(it);
    for (const auto& callback : gone) callback();
  }
  Maintain();
}

void Supervisor::Lost(const WorkerPtr& worker, const std::string& cause, bool clean) {
  if (worker->state_ == Worker::State::kAssigned) {
    host_->OnLost(worker, cause, clean);
  } else if (worker->kind() == WorkerKind::kLayers && !stopping_ && !worker->leaving_) {
    LostSpare(worker, cause, clean);
  }
}

void Supervisor::CheckLeases() {
  const int64_t now = clock_->MonotonicNanos();
  const auto lease = static_cast<int64_t>(options_.lease_seconds * kSecond);
  // If this thread itself was held up (a stopped daemon), the messages of that time are still to
  // be read: everybody gets a new lease.
  if (now - leases_checked_nanos_ > lease / 4 * 3) {
    for (const WorkerPtr& worker : workers_) worker->heard_nanos_ = now;
  }
  leases_checked_nanos_ = now;
  for (const WorkerPtr& worker : std::list<WorkerPtr>(workers_)) {
    if (worker->fenced()) {
      EndIfSilent(*worker, now, 2);
      continue;
    }
    if (worker->held_back_ > 0) worker->heard_nanos_ = now;
    // A program may be stopped, by somebody who looks at it: its process tells when it is gone.
    if (worker->kind() == WorkerKind::kProgram && worker->process().pid > 0) continue;
    const bool launching = worker->state_ == Worker::State::kLaunched;
    const double allowed = launching ? options_.launch_seconds : options_.lease_seconds;
    if (now - worker->heard_nanos_ <= static_cast<int64_t>(allowed * kSecond)) continue;
    const std::string cause =
        absl::StrCat("worker ", worker->process().pid, " was silent for ", allowed, " s");
    worker->Fence("It was silent for too long");
    ++fenced_count_;
    losses_.Add({"silent"});
    Lost(worker, cause, /*clean=*/false);
  }
  loop_->PostAfter(lease / 4, [this] { CheckLeases(); });
  Maintain();
}

// A fenced worker leaves by itself as soon as it hears of it. One that hangs would keep its memory,
// and its share of a GPU, beside its successor's.
void Supervisor::EndIfSilent(Worker& worker, int64_t now, int leases) {
  if (worker.kind() != WorkerKind::kLayers || worker.process().pid <= 0 || worker.ended_) return;
  const double allowed =
      worker.state_ == Worker::State::kLaunched ? options_.launch_seconds : options_.lease_seconds;
  if (now - worker.heard_nanos_ <= static_cast<int64_t>(leases * allowed * kSecond)) return;
  worker.ended_ = true;
  LogWarning("workers", absl::StrCat("worker ", worker.process().pid,
                                     " was replaced and is still silent: its process is ended"));
  launcher_->End(worker.process());
}

}  // namespace descent::daemon
