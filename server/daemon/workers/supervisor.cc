#include "server/daemon/workers/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"

namespace descent::daemon {
namespace {

using server::kSecond;
using server::LogInfo;
using server::LogWarning;
using server::MutexLock;
using worker::v1::DaemonMessage;

constexpr int32_t kProtocolVersion = 2;
constexpr int32_t kOldestProtocolVersion = 1;

using Hello = worker::v1::Hello;

ProcessId ProcessOf(const worker::v1::Hello& hello) {
  return {hello.worker().pid(), hello.worker().process_start_ticks()};
}

// A worker of version 1 says no role; whether it names a job tells.
worker::v1::Hello::Role RoleOf(const worker::v1::Hello& hello) {
  if (hello.role() != Hello::ROLE_UNSPECIFIED) return hello.role();
  return hello.job().empty() ? Hello::SPARE : Hello::RANK;
}

// True if the worker is in an attempt already. A program names its job in any case.
bool RunsAttempt(const worker::v1::Hello& hello) {
  return RoleOf(hello) == Hello::PROGRAM ? hello.attempt() > 0 : !hello.job().empty();
}

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
      host_(host) {}

Supervisor::~Supervisor() { StopListening(); }

void Supervisor::StopListening() { server_.reset(); }

WorkerPtr Supervisor::Await(const std::string& job, WorkerKind kind, const ProcessId& process) {
  auto worker = std::make_shared<Worker>(absl::StrCat("awaited-", process.pid), process, kind);
  worker->state_ = Worker::State::kAssigned;
  worker->job_ = job;
  Add(worker);
  return worker;
}

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

void Supervisor::Shutdown(std::chrono::steady_clock::time_point deadline) {
  server::Mutex posted_mutex;
  server::CondVar posted;
  bool asked = false;
  loop_->Post([&] {
    stopping_ = true;
    acquirers_.clear();
    std::deque<PendingValidation> validations = validations_.TakeAll();
    for (auto& [id, validation] : validating_) validations.push_back(std::move(validation));
    validating_.clear();
    for (PendingValidation& validation : validations) {
      if (validation.done) validation.done(ShuttingDown());
    }
    EndPredictions(ShuttingDown());
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

void Supervisor::WhenGone(const WorkerPtr& worker, std::function<void()> gone) {
  if (std::find(workers_.begin(), workers_.end(), worker) == workers_.end()) return gone();
  when_gone_[worker->id()].push_back(std::move(gone));
}

// ------------------------------------------------------------------------------------ Messages

void Supervisor::OnHello(ConnectionPtr connection, worker::v1::Hello hello, Resume resume) {
  loop_->Post([this, connection = std::move(connection), hello = std::move(hello),
               resume = std::move(resume)] {
    Greet(connection, hello);
    resume();
  });
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
}

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
  } else if (validating_.count(worker->id()) > 0) {
    // Whatever made it lose the connection may do so again.
    worker->state_ = Worker::State::kSpare;
    RetryValidation(worker, "its worker lost the connection");
  }
  Maintain();
}

void Supervisor::OnMessage(ConnectionPtr connection, worker::v1::WorkerMessage message,
                           Resume resume) {
  const WorkerPtr& worker = connection->worker;
  if (worker == nullptr) return resume();  // it was not greeted
  worker->heard_nanos_.store(clock_->MonotonicNanos(), std::memory_order_relaxed);
  if (worker->fenced()) {
    connection->Fence("Another attempt has taken over");
    return resume();
  }
  switch (message.kind_case()) {
    case worker::v1::WorkerMessage::kEvents: {
      worker->held_back_ = true;
      ++*held_back_;
      Resume release = [worker, count = held_back_, resume = std::move(resume)] {
        worker->held_back_ = false;
        --*count;
        resume();
      };
      if (host_->OnEvents(worker, message.mutable_events(), /*on_loop=*/false, release) ==
          AttemptHost::Taken::kTaken) {
        if (worker->fenced()) ++fenced_count_;
        return;
      }
      auto batch = std::make_shared<worker::v1::EventBatch>(std::move(*message.mutable_events()));
      loop_->Post([this, worker, batch, release = std::move(release)] {
        host_->OnEvents(worker, batch.get(), /*on_loop=*/true, release);
        if (worker->fenced()) ++fenced_count_;
      });
      return;
    }
    case worker::v1::WorkerMessage::kValidated:
      loop_->Post([this, worker, validated = std::move(*message.mutable_validated())] {
        OnValidated(worker, validated);
      });
      return resume();
    case worker::v1::WorkerMessage::kPrediction: {
      // Copied by a std::function otherwise.
      auto prediction =
          std::make_shared<worker::v1::Prediction>(std::move(*message.mutable_prediction()));
      loop_->Post([this, worker, prediction] { OnPrediction(worker, std::move(*prediction)); });
      return resume();
    }
    case worker::v1::WorkerMessage::kHeartbeat:
      loop_->Post([this, worker] {
        if (worker->state_ == Worker::State::kAssigned) host_->OnHeartbeat(worker);
      });
      return resume();
    case worker::v1::WorkerMessage::kUnreadable:
      loop_->Post([this, worker, unreadable = std::move(*message.mutable_unreadable())] {
        EndUnreadable(
            worker, absl::StrCat("its worker was sent what it can't read: ", unreadable.problem()),
            unreadable.request_id());
      });
      return resume();
    default:
      return resume();
  }
}

void Supervisor::OnUnreadable(ConnectionPtr connection, std::string problem, Resume resume) {
  const WorkerPtr& worker = connection->worker;
  if (worker == nullptr) return resume();  // it was not greeted
  worker->heard_nanos_.store(clock_->MonotonicNanos(), std::memory_order_relaxed);
  loop_->Post([this, worker, problem = std::move(problem), resume = std::move(resume)] {
    EndUnreadable(worker, absl::StrCat("its worker sent what can't be read: ", problem), "");
    resume();
  });
}

void Supervisor::EndUnreadable(const WorkerPtr& worker, const std::string& problem,
                               const std::string& request_id) {
  if (worker->fenced()) return;
  if (worker->state_ == Worker::State::kAssigned) {
    host_->OnUnreadable(worker, problem, request_id);
    if (worker->fenced()) ++fenced_count_;
    return Maintain();
  }
  const auto status = [&](const char* what) {
    return MakeError(absl::StatusCode::kInternal, absl::StrCat(what, problem),
                     reason::kUnreadableMessage);
  };
  EndValidation(worker, status("The spec could not be validated: "));
  EndPrediction(worker, status("The prediction failed: "));
  CountFailure(worker);
  Replace(worker, problem);
}

void Supervisor::OnClosed(ConnectionPtr connection) {
  // The worker may come back, or its process ends, or its lease does: one of them tells.
  if (const WorkerPtr& worker = connection->worker; worker != nullptr) {
    MutexLock lock(worker->mutex_);
    if (worker->connection_ == connection) worker->connection_ = nullptr;
  }
  loop_->Post([this] { Count(); });
}

// ---------------------------------------------------------------------- The end of workers

void Supervisor::OnExit(const WorkerPtr& worker, const ProcessExit& exit) {
  workers_.remove(worker);
  ConnectionPtr connection;
  {
    MutexLock lock(worker->mutex_);
    connection = std::exchange(worker->connection_, nullptr);
  }
  std::string cause = absl::StrCat("worker ", worker->process().pid, " ", DescribeExit(exit));
  if (!exit.clean()) {
    if (const std::string line = LastLogLine(worker); !line.empty()) {
      absl::StrAppend(&cause, "; its last words: ", line);
    }
  }
  if (!worker->fenced()) Lost(worker, cause, exit.clean());
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
    if (worker->held_back_) worker->heard_nanos_ = now;
    // A program may be stopped, by somebody who looks at it: its process tells when it is gone.
    if (worker->kind() == WorkerKind::kProgram && worker->process().pid > 0) continue;
    const bool launching = worker->state_ == Worker::State::kLaunched;
    const double allowed = launching ? options_.launch_seconds : options_.lease_seconds;
    if (now - worker->heard_nanos_ <= static_cast<int64_t>(allowed * kSecond)) continue;
    const std::string cause =
        absl::StrCat("worker ", worker->process().pid, " was silent for ", allowed, " s");
    worker->Fence("It was silent for too long");
    ++fenced_count_;
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
