// The part of the supervisor that says who a process is, at its Hello, and what becomes of it.

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "server/common/log.h"
#include "server/daemon/workers/hello.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {
namespace {

using server::LogInfo;
using server::LogWarning;
using server::MutexLock;
using worker::v1::DaemonMessage;
using worker::v1::Hello;

}  // namespace

void Supervisor::Greet(const ConnectionPtr& connection, const worker::v1::Hello& hello) {
  if (hello.protocol_version() < kOldestProtocolVersion) {
    return connection->Fence(absl::StrCat("This daemon speaks versions ", kOldestProtocolVersion,
                                          " to ", kProtocolVersion, " of the worker protocol"));
  }
  const absl::StatusOr<WorkerPtr> admitted = Admit(hello);
  if (!admitted.ok()) {
    const std::string reason(admitted.status().message());
    LogWarning("workers", absl::StrCat("process ", hello.worker().pid(), " is refused: ", reason));
    return connection->Fence(reason);
  }
  const WorkerPtr& worker = *admitted;
  connection->worker = worker;
  if (worker->fenced()) return connection->Fence("Another attempt has taken over");
  Connect(worker, connection, hello);

  DaemonMessage message;
  worker::v1::Welcome& welcome = *message.mutable_welcome();
  const bool assigned = worker->state_ == Worker::State::kAssigned;
  if (RunsAttempt(hello)) {
    absl::StatusOr<worker::v1::Welcome> adopted = host_->OnReconnect(worker, hello);
    if (!adopted.ok()) {
      LogInfo("workers", absl::StrCat("worker ", worker->process().pid,
                                      " is fenced: ", std::string(adopted.status().message())));
      worker->Fence(std::string(adopted.status().message()));
      ++fenced_count_;
      return Count();
    }
    welcome = *std::move(adopted);
    worker->state_ = Worker::State::kAssigned;
    worker->job_ = rules::JobIdOf(hello.job()).value_or(hello.job());
  } else if (!assigned && worker->state_ != Worker::State::kValidating) {
    // The worker gave up what it did for the old connection.
    EndPrediction(worker, PredictionLost("its worker lost the connection"));
    worker->state_ = Worker::State::kSpare;
    worker->spare_since_nanos_ = clock_->MonotonicNanos();
  }
  welcome.set_protocol_version(std::min(hello.protocol_version(), kProtocolVersion));
  welcome.set_lease_seconds(options_.lease_seconds);
  worker->Send(std::move(message));
  if (stopping_ && worker->kind() == WorkerKind::kLayers) {
    worker->leaving_ = true;
    DaemonMessage leave;
    leave.mutable_leave()->set_reason("The daemon is shutting down");
    worker->Send(std::move(leave));
  } else if (assigned && !RunsAttempt(hello)) {
    host_->OnUnstarted(worker);
  } else if (validations_.Of(worker->id()) != nullptr) {
    // Whatever made it lose the connection may do so again.
    worker->state_ = Worker::State::kSpare;
    RetryValidation(worker, "its worker lost the connection");
  }
  Maintain();
}

absl::StatusOr<WorkerPtr> Supervisor::Admit(const worker::v1::Hello& hello) {
  switch (RoleOf(hello)) {
    case Hello::SPARE:
      if (!hello.job().empty()) return absl::InvalidArgumentError("A spare has no job");
      return AdmitLaunched(hello);
    case Hello::RANK:
      if (hello.job().empty()) return absl::InvalidArgumentError("A rank has a job and an attempt");
      return AdmitLaunched(hello);
    case Hello::PROGRAM:
      if (hello.protocol_version() < kProtocolVersion) {
        return absl::InvalidArgumentError(absl::StrCat("Programs speak version ", kProtocolVersion,
                                                       " of the worker protocol, or a newer one"));
      }
      return AdmitProgram(hello);
    default:
      return absl::InvalidArgumentError("The role is none that this daemon knows");
  }
}

absl::StatusOr<WorkerPtr> Supervisor::AdmitLaunched(const worker::v1::Hello& hello) {
  const ProcessId process = ProcessOf(hello);
  const bool is_proven = secrets_.IsSecretOf(SecretName(hello.worker_id()), hello.secret());
  // A worker of version 1 brings no secret: it must be a process that was launched or is awaited.
  const bool may_be_known = hello.protocol_version() < kProtocolVersion;
  WorkerPtr known;
  for (const WorkerPtr& worker : workers_) {
    if (worker->kind() != WorkerKind::kLayers) continue;
    if (is_proven && worker->id() == hello.worker_id()) {
      worker->proven_ = true;
      return worker;
    }
    if (worker->process() != process) continue;
    if (is_proven || (may_be_known && !worker->proven_)) known = worker;
  }
  if (known != nullptr) {
    known->proven_ = is_proven;
    return known;
  }
  if (!is_proven) {
    return absl::UnauthenticatedError("This daemon has not launched this worker");
  }
  // The worker was launched by an earlier daemon.
  auto worker = std::make_shared<Worker>(hello.worker_id(), process, WorkerKind::kLayers);
  worker->proven_ = true;
  if (!hello.job().empty()) worker->state_ = Worker::State::kAssigned;
  if (const std::string log_path = LogPath(worker->id()); access(log_path.c_str(), F_OK) == 0) {
    worker->log_path_ = log_path;
  }
  Add(worker);
  return worker;
}

absl::StatusOr<WorkerPtr> Supervisor::AdmitProgram(const worker::v1::Hello& hello) {
  if (absl::Status status = host_->OnProgram(hello.job(), hello.secret()); !status.ok()) {
    return status;
  }
  const std::string job = rules::JobIdOf(hello.job()).value_or(hello.job());
  const ProcessId process = ProcessOf(hello);
  for (const WorkerPtr& worker : std::list<WorkerPtr>(workers_)) {
    if (worker->kind() != WorkerKind::kProgram || worker->job_ != job ||
        worker->process() != process) {
      continue;
    }
    const bool is_under_way = worker->fenced() || worker->state_ == Worker::State::kAssigned;
    if (RunsAttempt(hello) || !is_under_way) return worker;
    // It is the same process with a new run in it: what it was before is over.
    workers_.remove(worker);
    if (!worker->fenced()) {
      worker->Fence("Its program has begun anew");
      Lost(worker, absl::StrCat("program ", process.pid, " began anew"), /*clean=*/false);
    }
  }
  auto worker = std::make_shared<Worker>(absl::StrCat("program-", job, "-", process.pid), process,
                                         WorkerKind::kProgram);
  worker->job_ = job;
  if (RunsAttempt(hello)) worker->state_ = Worker::State::kAssigned;
  Add(worker);
  return worker;
}

void Supervisor::Connect(const WorkerPtr& worker, const ConnectionPtr& connection,
                         const worker::v1::Hello& hello) {
  ConnectionPtr old;
  {
    MutexLock lock(worker->mutex_);
    old = std::exchange(worker->connection_, connection);
    worker->capabilities_ = hello.capabilities();
  }
  if (old != nullptr) old->Fence("The worker has a newer connection");
  worker->heard_nanos_ = clock_->MonotonicNanos();
  worker->info_ = hello.worker();
  // What a program says of itself nobody has seen to.
  worker->confinement_ =
      worker->kind() == WorkerKind::kLayers ? hello.confinement() : v1::Confinement();
  worker->confinement_.set_memory_limit_bytes(launcher_->MemoryLimit(worker->process()));
}

}  // namespace descent::daemon
