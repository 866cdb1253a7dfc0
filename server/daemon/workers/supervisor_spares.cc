// The part of the supervisor that keeps spares: it launches them, gives them to those who wait, and
// sends home those that are too many.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/common/log.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {
namespace {

using server::kSecond;
using server::LogError;
using server::LogWarning;
using worker::v1::DaemonMessage;

// A spare that lived this long was healthy.
constexpr int64_t kHealthyAfter = 30 * kSecond;

}  // namespace

void Supervisor::Acquire(const std::string& job, WorkerKind kind,
                         std::function<void(const WorkerPtr&)> taken) {
  if (stopping_) return;
  acquirers_.push_back({job, kind, std::move(taken)});
  Maintain();
}

void Supervisor::CancelAcquire(const std::string& job) {
  acquirers_.remove_if([&](const Acquirer& acquirer) { return acquirer.job == job; });
  for (const WorkerPtr& worker : workers_) {
    if (worker->kind() == WorkerKind::kProgram && worker->job_ == job && !worker->fenced() &&
        worker->state_ == Worker::State::kSpare) {
      worker->Fence("The job is over");
    }
  }
}

void Supervisor::Release(const WorkerPtr& worker) {
  worker->state_ = Worker::State::kSpare;
  if (worker->kind() == WorkerKind::kProgram) worker->Fence("The job wants no worker");
  Maintain();
}

void Supervisor::Assign(std::vector<WorkerPtr>* idle) {
  for (auto acquirer = acquirers_.begin(); acquirer != acquirers_.end();) {
    const auto found = std::find_if(idle->begin(), idle->end(), [&](const WorkerPtr& worker) {
      return worker->kind() == acquirer->kind &&
             (worker->kind() == WorkerKind::kLayers || worker->job_ == acquirer->job);
    });
    if (found == idle->end()) {
      ++acquirer;
      continue;
    }
    WorkerPtr worker = std::move(*found);
    idle->erase(found);
    worker->job_ = acquirer->job;
    worker->state_ = Worker::State::kAssigned;
    if (worker->kind() == WorkerKind::kLayers) backoff_.Used();
    // It is called later, because `taken` may come back here.
    loop_->Post(
        [taken = std::move(acquirer->taken), worker = std::move(worker)] { taken(worker); });
    acquirer = acquirers_.erase(acquirer);
  }
}

int Supervisor::SparesAwaited() const {
  return static_cast<int>(
      std::count_if(acquirers_.begin(), acquirers_.end(),
                    [](const Acquirer& acquirer) { return acquirer.kind == WorkerKind::kLayers; }));
}

void Supervisor::Maintain() {
  if (stopping_) return Count();
  int coming = 0;
  std::vector<WorkerPtr> idle;
  for (const WorkerPtr& worker : workers_) {
    if (worker->fenced() || worker->leaving_) continue;
    if (worker->state_ == Worker::State::kSpare && worker->connection() != nullptr) {
      idle.push_back(worker);
    } else if (worker->kind() != WorkerKind::kLayers) {
      continue;  // it will be no spare, now or later
    } else if (worker->state_ == Worker::State::kPredicting ||
               worker->state_ == Worker::State::kValidating) {
      if (IsBackSoon(worker)) ++coming;
    } else if (worker->state_ != Worker::State::kAssigned) {
      ++coming;
    }
  }
  Assign(&idle);
  // What is left to do is for spares.
  std::erase_if(idle, [](const auto& worker) { return worker->kind() != WorkerKind::kLayers; });
  size_t next = 0;
  while (next < idle.size()) {
    std::optional<PendingValidation> validation = validations_.Pop();
    if (!validation) break;
    SendToValidate(idle[next++], *std::move(validation));
    ++coming;
  }
  while (next < idle.size()) {
    std::optional<PendingPrediction> prediction = predictions_.Pop();
    if (!prediction) break;
    SendToPredict(idle[next++], *std::move(prediction));
    ++coming;
  }
  const int wanted = options_.spares + SparesAwaited();
  int have = static_cast<int>(idle.size() - next) + coming;
  // Too many spares are sent home only once they are all here: one that is launched may never
  // arrive.
  for (; static_cast<int>(idle.size() - next) > wanted; --have) {
    const WorkerPtr& worker = idle.back();
    worker->leaving_ = true;
    DaemonMessage message;
    message.mutable_leave()->set_reason("There are spares enough");
    worker->Send(std::move(message));
    idle.pop_back();
  }
  while (have < wanted) {
    const int64_t wait = backoff_.Wait(clock_->MonotonicNanos());
    if (wait > 0) {
      if (!launch_timer_) {
        launch_timer_ = true;
        loop_->PostAfter(wait, [this] {
          launch_timer_ = false;
          Maintain();
        });
      }
      break;
    }
    if (LaunchOne()) ++have;
  }
  Count();
}

bool Supervisor::LaunchOne() {
  const std::string id = absl::StrCat(
      "w", getpid(), "-", clock_->WallNanos() / 1'000'000 % 1'000'000'000, "-", ++launched_);
  const std::string log_path = LogPath(id);
  const absl::StatusOr<ProcessId> process = launcher_->Start(
      {.worker_id = id, .secret = secrets_.Of(SecretName(id)), .log_path = log_path});
  if (!process.ok()) {
    const bool out_of_descriptors = absl::IsResourceExhausted(process.status());
    if (out_of_descriptors) {
      backoff_.FailedForDescriptors(clock_->MonotonicNanos());
    } else {
      backoff_.Failed(clock_->MonotonicNanos());
    }
    if (!out_of_descriptors || launching().ok()) {
      LogError("workers", std::string(process.status().message()));
    }
    SetLaunching(process.status());
    return false;
  }
  SetLaunching(absl::OkStatus());
  auto worker = std::make_shared<Worker>(id, *process, WorkerKind::kLayers);
  worker->log_path_ = log_path;
  Add(worker);
  return true;
}

bool Supervisor::IsBackSoon(const WorkerPtr& worker) const {
  const int64_t busy = clock_->MonotonicNanos() - worker->busy_since_nanos_;
  const bool awaited = SparesAwaited() > 0 || validations_.Any();
  if (!awaited) return busy < kSoon;
  return worker->state_ == Worker::State::kValidating && busy < kVerySoon;
}

void Supervisor::CountFailure(const WorkerPtr& worker) {
  // What the worker was about may have ended it; the next who asks need not wait for that.
  if (worker->state_ == Worker::State::kValidating ||
      worker->state_ == Worker::State::kPredicting) {
    return;
  }
  const int64_t now = clock_->MonotonicNanos();
  const bool was_healthy = worker->state_ != Worker::State::kLaunched &&
                           now - worker->spare_since_nanos_ >= kHealthyAfter;
  backoff_.Ended(was_healthy, now);
}

void Supervisor::Replace(const WorkerPtr& worker, const std::string& reason) {
  worker->replaced_ = true;
  worker->Fence(reason);
  ++fenced_count_;
  Maintain();
}

void Supervisor::LostSpare(const WorkerPtr& worker, const std::string& cause, bool clean) {
  CountFailure(worker);
  if (!clean) LogWarning("workers", absl::StrCat("a spare was lost: ", cause));
  EndPrediction(worker, PredictionLost(cause));
  RetryValidation(worker, cause);
}

std::string Supervisor::LogPath(const std::string& worker_id) const {
  return absl::StrCat(options_.log_dir, "/", worker_id, ".log");
}

void Supervisor::MoveLog(const WorkerPtr& worker, const std::string& path) {
  if (worker->log_path_.empty()) return;
  std::error_code error;
  std::filesystem::rename(worker->log_path_, path, error);  // its open descriptor follows
  if (!error) worker->log_path_ = path;
}

}  // namespace descent::daemon
