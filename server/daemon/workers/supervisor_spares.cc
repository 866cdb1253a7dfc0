// The part of the supervisor that keeps spares: it launches them, gives them to those who wait, and
// has them validate specs.

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {
namespace {

using server::kSecond;
using server::LogError;
using server::LogWarning;
using worker::v1::DaemonMessage;

// A spec that took this many workers with it takes no more.
constexpr int kMaxValidationDeaths = 2;
// What a spare does that is busy for longer may take long: another one is launched, which costs a
// running job some of its time; sooner if somebody waits for it.
constexpr int64_t kSoon = kSecond;
constexpr int64_t kVerySoon = kSecond / 4;
// What a validation that nobody wants may take: most end in a few milliseconds.
constexpr int64_t kGrace = kSecond;
constexpr int64_t kFirstBackOff = kSecond / 10;
constexpr int64_t kLongestBackOff = 10 * kSecond;
// A spare that lived this long was healthy.
constexpr int64_t kHealthyAfter = 30 * kSecond;

bool IsBlank(const std::string& line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return absl::ascii_isspace(c); });
}

absl::Status ToStatus(const worker::v1::Invalid& invalid) {
  ErrorDetail detail;
  std::vector<std::string> sentences;
  for (const auto& violation : invalid.violations()) {
    detail.violations.push_back({violation.field(), violation.description()});
    sentences.push_back(violation.field().empty()
                            ? violation.description()
                            : absl::StrCat(violation.field(), ": ", violation.description()));
    if (detail.reason.empty()) detail.reason = violation.reason();
  }
  if (detail.reason.empty()) detail.reason = reason::kInvalidSpec;
  return MakeError(absl::StatusCode::kInvalidArgument, absl::StrJoin(sentences, "; "), detail);
}

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
    if (worker->kind() == WorkerKind::kLayers) spare_failures_ = 0;
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
    std::optional<PendingValidation> validation =
        validations_.Pop([this](const Caller& caller) { return MayValidate(caller); });
    if (!validation) break;
    SendToValidate(idle[next++], *std::move(validation));
    ++coming;
  }
  while (next < idle.size()) {
    std::optional<PendingPrediction> prediction =
        predictions_.Pop([this](const Caller& caller) { return MayPredict(caller); });
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
    const int64_t wait = launch_after_nanos_ - clock_->MonotonicNanos();
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

std::string Supervisor::LogPath(const std::string& worker_id) const {
  return absl::StrCat(options_.log_dir, "/", worker_id, ".log");
}

bool Supervisor::LaunchOne() {
  const std::string id = absl::StrCat(
      "w", getpid(), "-", clock_->WallNanos() / 1'000'000 % 1'000'000'000, "-", ++launched_);
  const std::string log_path = LogPath(id);
  const absl::StatusOr<ProcessId> process = launcher_->Start(
      {.worker_id = id, .secret = secrets_.Of(SecretName(id)), .log_path = log_path});
  if (!process.ok()) {
    const bool out_of_descriptors = absl::IsResourceExhausted(process.status());
    // Other clients close their descriptors, so there may be room at any moment.
    const int64_t pause =
        out_of_descriptors
            ? kFirstBackOff
            : std::min(kLongestBackOff, kFirstBackOff << std::min(++spare_failures_, 20));
    launch_after_nanos_ = clock_->MonotonicNanos() + pause;
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
  const bool awaited = SparesAwaited() > 0 || validations_.Any([this](const Caller& caller) {
    return MayValidate(caller);
  });
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
  spare_failures_ = was_healthy ? 0 : spare_failures_ + 1;
  if (spare_failures_ > 0) {
    launch_after_nanos_ =
        now + std::min(kLongestBackOff, kFirstBackOff << std::min(spare_failures_ - 1, 20));
  }
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

// ---------------------------------------------------------------------------------------
// Validating

int64_t Supervisor::Validate(const Caller& caller, const v1::Spec& spec, Validated done) {
  const int64_t number = ++validation_count_;
  if (stopping_) {
    done(ShuttingDown());
    return number;
  }
  validations_.Push(caller, {number, caller, spec, std::move(done), 0});
  Maintain();
  return number;
}

bool Supervisor::MayValidate(const Caller& caller) const {
  int own = 0;
  for (const auto& [worker, validation] : validating_) {
    own += validation.caller.principal == caller.principal;
  }
  return static_cast<int>(validating_.size()) < options_.max_validations &&
         own < std::max(1, options_.max_validations - 1);
}

void Supervisor::SendToValidate(const WorkerPtr& worker, PendingValidation validation) {
  worker->state_ = Worker::State::kValidating;
  worker->busy_since_nanos_ = clock_->MonotonicNanos();
  const int64_t number = validation.number;
  DaemonMessage message;
  message.mutable_validate()->set_id(absl::StrCat(number));
  *message.mutable_validate()->mutable_spec() = validation.spec;
  validating_.insert_or_assign(worker->id(), std::move(validation));
  worker->Send(std::move(message));
  for (const int64_t wait : {kVerySoon, kSoon}) loop_->PostAfter(wait, [this] { Maintain(); });
  loop_->PostAfter(static_cast<int64_t>(options_.validation_seconds * kSecond), [this, number] {
    const WorkerPtr late = ValidatorOf(number);
    if (late == nullptr) return;
    EndValidation(
        late, MakeError(absl::StatusCode::kDeadlineExceeded,
                        absl::StrCat(
                            "The spec could not be validated within ", options_.validation_seconds,
                            " s: its data take too long to read. Give smaller files, or start "
                            "descentd with a longer --validation_seconds"),
                        reason::kValidationTooLong));
    Replace(late, "Its validation took too long");
  });
}

WorkerPtr Supervisor::ValidatorOf(int64_t number) const {
  for (const WorkerPtr& worker : workers_) {
    const auto it = validating_.find(worker->id());
    if (it != validating_.end() && it->second.number == number) return worker;
  }
  return nullptr;
}

void Supervisor::CancelValidation(int64_t number) {
  validations_.EraseIf([&](const auto& validation) { return validation.number == number; });
  const WorkerPtr worker = ValidatorOf(number);
  if (worker == nullptr) return;
  validating_[worker->id()].done = nullptr;
  loop_->PostAfter(kGrace, [this, number] {
    const WorkerPtr late = ValidatorOf(number);
    if (late == nullptr) return;
    validating_.erase(late->id());
    Replace(late, "Nobody wants its validation any more");
  });
}

void Supervisor::EndValidation(const WorkerPtr& worker, const absl::Status& status) {
  const auto it = validating_.find(worker->id());
  if (it == validating_.end()) return;
  const Validated done = std::move(it->second.done);
  validating_.erase(it);
  if (done) done(status);
}

void Supervisor::RetryValidation(const WorkerPtr& worker, const std::string& cause) {
  const auto it = validating_.find(worker->id());
  if (it == validating_.end()) return;
  if (++it->second.deaths >= kMaxValidationDeaths) {
    return EndValidation(worker, MakeError(absl::StatusCode::kInternal,
                                           absl::StrCat("The spec could not be validated: ", cause),
                                           reason::kWorkerDied));
  }
  PendingValidation validation = std::move(it->second);
  validating_.erase(it);
  if (!validation.done) return;
  const Caller caller = validation.caller;
  validations_.PushFront(caller, std::move(validation));
}

void Supervisor::OnValidated(const WorkerPtr& worker, worker::v1::Validated validated) {
  const auto it = validating_.find(worker->id());
  if (it == validating_.end() || validated.id() != absl::StrCat(it->second.number)) return;
  const Validated done = std::move(it->second.done);
  validating_.erase(it);
  worker->state_ = Worker::State::kSpare;
  // The worker holds the data now: the job that comes of this should get it.
  workers_.splice(workers_.begin(), workers_, std::find(workers_.begin(), workers_.end(), worker));
  if (!done) {
    // The validation was cancelled meanwhile.
  } else if (validated.has_valid()) {
    done(std::move(*validated.mutable_valid()));
  } else {
    done(ToStatus(validated.invalid()));
  }
  Maintain();
}

// ---------------------------------------------------------------------------------------------
// Logs

void Supervisor::MoveLog(const WorkerPtr& worker, const std::string& path) {
  if (worker->log_path_.empty()) return;
  std::error_code error;
  std::filesystem::rename(worker->log_path_, path, error);  // its open descriptor follows
  if (!error) worker->log_path_ = path;
}

std::string Supervisor::LastLogLine(const WorkerPtr& worker) const {
  if (worker->log_path_.empty()) return "";
  std::ifstream file(worker->log_path_, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (!file || size <= 0) return "";
  constexpr std::streamoff kTail = 64 << 10;
  std::string tail(static_cast<size_t>(std::min(size, kTail)), '\0');
  file.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end);
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  absl::StripAsciiWhitespace(&tail);
  // This is the last line that says something: a program that ends by an exception prints its stack
  // after it.
  const std::vector<std::string> lines = absl::StrSplit(tail, '\n');
  const auto line = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& text) {
    return !absl::StartsWith(text, "frame #") && !IsBlank(text) &&
           !absl::StrContains(text, "(most recent call first)");
  });
  if (line == lines.rend() || absl::StrContains(*line, " INFO ")) return "";  // no complaint
  return ShortUtf8(line->substr(line->find_first_not_of(' ')), 300);
}

}  // namespace descent::daemon
