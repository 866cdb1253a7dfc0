#include "server/daemon/workers/supervisor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

using server::MutexLock;
using worker::v1::DaemonMessage;

}  // namespace

std::string SecretName(const std::string& worker_id) { return absl::StrCat("worker/", worker_id); }

absl::Status ShuttingDown() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "The daemon is shutting down; ask again, with the same request_id, when it is "
                   "back",
                   reason::kShuttingDown);
}

Supervisor::Supervisor(Options options, Secrets secrets, const server::Clock* clock,
                       std::shared_ptr<server::Loop> loop, Launcher* launcher, AttemptHost* host)
    : options_(std::move(options)),
      secrets_(std::move(secrets)),
      clock_(clock),
      loop_(std::move(loop)),
      launcher_(launcher),
      host_(host),
      validations_(options_.max_validations) {}

Supervisor::~Supervisor() { StopListening(); }

absl::Status Supervisor::Start() {
  absl::StatusOr<std::unique_ptr<WorkerServer>> server =
      WorkerServer::Create(options_.socket,
                           {.max_connections = options_.max_guests,
                            .has_own_share = [this](int64_t pid) { return IsOwnProcess(pid); }},
                           this);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  loop_->Post([this] {
    leases_checked_nanos_ = clock_->MonotonicNanos();
    for (const WorkerPtr& worker : workers_) worker->heard_nanos_ = leases_checked_nanos_;
    CheckLeases();
    Maintain();
  });
  return absl::OkStatus();
}

void Supervisor::StopListening() { server_.reset(); }

void Supervisor::Shutdown(std::chrono::steady_clock::time_point deadline) {
  server::Mutex posted_mutex;
  server::CondVar posted;
  bool asked = false;
  loop_->Post([&] {
    stopping_ = true;
    acquirers_.clear();
    for (PendingValidation& validation : validations_.TakeAll()) {
      if (validation.done) validation.done(ShuttingDown());
    }
    for (PendingPrediction& prediction : predictions_.TakeAll()) {
      if (prediction.callbacks.on_end) prediction.callbacks.on_end(ShuttingDown());
    }
    for (const WorkerPtr& worker : workers_) {
      if (worker->fenced()) EndIfSilent(*worker, clock_->MonotonicNanos(), 1);
      if (worker->fenced() || worker->connection() == nullptr) continue;
      // A program trains on, and finds the next daemon.
      if (worker->kind() == WorkerKind::kProgram) continue;
      worker->leaving_ = true;
      DaemonMessage message;
      message.mutable_leave()->set_reason("The daemon is shutting down");
      worker->Send(std::move(message));
    }
    Count();
    MutexLock lock(posted_mutex);
    asked = true;
    posted.Signal();
  });
  {
    MutexLock lock(posted_mutex);
    while (!asked) posted.Wait(posted_mutex);
  }
  MutexLock lock(mutex_);
  while (alive_ > 0) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    gone_.WaitFor(mutex_, left);
  }
}

void Supervisor::Add(const WorkerPtr& worker) {
  worker->heard_nanos_ = clock_->MonotonicNanos();
  workers_.push_back(worker);
  Count();
  if (worker->process().pid <= 0) return;  // it is elsewhere: its lease alone tells
  launcher_->Watch(worker->process(), [this, loop = loop_, worker](const ProcessExit& exit) {
    // The launcher outlives this, and a stopped loop drops what is posted.
    loop->Post([this, worker, exit] { OnExit(worker, exit); });
  });
}

WorkerPtr Supervisor::Find(const std::string& worker_id) const {
  for (const WorkerPtr& worker : workers_) {
    if (worker->id() == worker_id) return worker;
  }
  return nullptr;
}

void Supervisor::Count() {
  int64_t connected = 0;
  int64_t spares = 0;
  int64_t leaving = 0;
  std::vector<LiveWorker> live;
  std::set<int64_t> own_pids;
  for (const WorkerPtr& worker : workers_) {
    if (worker->kind() == WorkerKind::kLayers) own_pids.insert(worker->process().pid);
    if (worker->leaving_ && !worker->fenced()) ++leaving;
    if (worker->fenced() || worker->connection() == nullptr) continue;
    ++connected;
    const bool assigned = worker->state_ == Worker::State::kAssigned;
    live.push_back({worker->id(), worker->process(), assigned ? worker->job_ : ""});
    if (worker->state_ == Worker::State::kSpare && worker->kind() == WorkerKind::kLayers) ++spares;
  }
  workers_count_ = connected;
  spares_count_ = spares;
  MutexLock lock(mutex_);
  live_ = std::move(live);
  own_pids_ = std::move(own_pids);
  alive_ = leaving;
  gone_.SignalAll();
}

bool Supervisor::IsOwnProcess(int64_t pid) const {
  MutexLock lock(mutex_);
  return own_pids_.contains(pid);
}

}  // namespace descent::daemon
