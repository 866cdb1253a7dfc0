#include "server/worker/session/worker.h"

#include <unistd.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/data/data_roots.h"
#include "core/text/exception_text.h"
#include "proto/rules/reasons.h"
#include "proto/rules/trace_context.h"
#include "server/common/log.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/confinement/confinement.h"
#include "server/worker/session/attempt.h"
#include "server/worker/session/job_size.h"
#include "server/worker/session/predict.h"
#include "server/worker/session/warm_up.h"

namespace descent::worker {
namespace {

// A daemon that is there acknowledges within milliseconds; one that is busy may take longer.
constexpr int64_t kFlushNanos = 10'000'000'000;
constexpr int64_t kPatienceNanos = 100'000'000;
constexpr int kBrokenExitCode = 5;
constexpr int kNoRootsExitCode = 6;
constexpr int kUnconfinedExitCode = 7;
constexpr int kAwayPatience = 20;  // so many times kPatienceNanos without a connection

v1::WorkerMessage Validated(const v1::Validate& request, DataCache* cache) {
  v1::WorkerMessage message;
  v1::Validated* validated = message.mutable_validated();
  validated->set_id(request.id());
  const auto refuse = [&](const Violation& violation) {
    v1::FieldViolation* added = validated->mutable_invalid()->add_violations();
    added->set_field(violation.field);
    added->set_description(violation.description);
    added->set_reason(violation.reason);
  };
  try {
    std::variant<Prepared, Violations> result = Prepare(request.spec(), cache);
    Violations size;
    auto* prepared = std::get_if<Prepared>(&result);
    if (prepared != nullptr) CheckJobSize(prepared->spec, prepared->summary, &size);
    if (!size.empty()) {
      for (const Violation& violation : size.list()) refuse(violation);
    } else if (prepared != nullptr) {
      *validated->mutable_valid()->mutable_spec() = std::move(prepared->spec);
      *validated->mutable_valid()->mutable_summary() = std::move(prepared->summary);
    } else {
      for (const Violation& violation : std::get<Violations>(result).list()) refuse(violation);
    }
  } catch (const std::exception& error) {  // such as LibTorch's, or for want of memory
    refuse({"", absl::StrCat("The spec could not be checked: ", ExceptionText(error)),
            reason::kInternal});
  }
  return message;
}

// Waits for a run's last events to become durable: they matter, so it waits as long as the daemon
// may come back.
void FlushFinal(const Session& session, Outbox* outbox) {
  while (!outbox->WaitAcknowledged(kPatienceNanos)) {
    if (session.orphaned()) return;
  }
}

// Waits a little for the events of an attempt that leaves. The journal can do without them: the
// next attempt computes them again.
void FlushLeaving(const Session& session, Outbox* outbox, Clock* clock) {
  const int64_t deadline = clock->MonotonicNanos() + kFlushNanos;
  int away = 0;
  while (!outbox->WaitAcknowledged(kPatienceNanos) && clock->MonotonicNanos() < deadline) {
    away = session.connected() ? 0 : away + 1;
    if (session.orphaned() || away > kAwayPatience) return;
  }
}

// Leaves data to be read to this process, one folder to write in, and nothing else.
absl::Status Confine(const WorkerOptions& options, const std::string& writable) {
  if (!options.session.confinement.filesystem()) return absl::OkStatus();
  return ConfineFiles(
      {.readable = options.data_roots, .shared = options.shared, .writable = writable});
}

std::string JobFolder(const v1::Start& start) {
  return std::filesystem::path(start.checkpoint_dir()).parent_path().string();
}

// A spare reads checkpoints of all jobs, and may get any. If it can't be confined, its Start tells.
void ConfineSpare(const WorkerOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_directory(options.jobs, error)) return;
  if (absl::Status status = Confine(options, options.jobs); !status.ok()) {
    server::LogWarning("worker", absl::StrCat("The spare can't be confined to the jobs' files: ",
                                              std::string(status.message())));
  }
}

int RunAttempt(v1::Start start, DataCache* cache, const Session& session, Inbox* inbox,
               Outbox* outbox, Clock* clock) {
  const std::string job = start.job();
  server::SetLogDefaults(job, start.attempt(),
                         std::string(rules::TraceIdOf(start.trace().parent())));
  server::LogInfo({.job = job}, absl::StrCat("attempt ", start.attempt(), " starts from ",
                                             start.checkpoint().empty() ? "the starting point"
                                                                        : start.checkpoint()));
  Attempt attempt(std::move(start), cache, inbox, outbox, clock);
  switch (attempt.Run()) {
    case Attempt::End::kFinal:
      FlushFinal(session, outbox);
      return 0;
    case Attempt::End::kLeft:
      FlushLeaving(session, outbox, clock);
      server::LogInfo({.job = job}, "left, with a checkpoint");
      return 0;
    case Attempt::End::kBroken:
      FlushLeaving(session, outbox, clock);
      return kBrokenExitCode;
  }
  return 0;
}

}  // namespace

void RequestLeave(Inbox* inbox, const char* reason) {
  static std::atomic<int> requests = 0;
  if (requests++ > 0) _exit(143);
  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason(reason);
  inbox->Put(std::move(leave));
}

int RunWorker(const WorkerOptions& options, Inbox* inbox) {
  ConfineSpare(options);
  std::vector<std::string> kept_out = options.keep_out;
  kept_out.insert(kept_out.end(), options.secrets.begin(), options.secrets.end());
  absl::StatusOr<DataRoots> roots = DataRoots::Create(options.data_roots, kept_out, options.shared);
  if (!roots.ok()) {
    server::LogError("worker", std::string(roots.status().message()));
    return kNoRootsExitCode;
  }
  Clock* clock = Clock::Real();
  Outbox outbox(options.max_buffer_bytes, clock);
  Session session(options.session, inbox, &outbox, clock);
  DataCache cache(*std::move(roots));
  WarmUp();  // while the session says Hello
  std::optional<v1::DaemonMessage> next;
  while (true) {
    v1::DaemonMessage message = next ? *std::exchange(next, std::nullopt) : inbox->Take();
    switch (message.kind_case()) {
      case v1::DaemonMessage::kValidate:
        outbox.Send(Validated(message.validate(), &cache));
        break;
      case v1::DaemonMessage::kPredict:
        next = AnswerPredict(message.predict(), &cache, inbox, &outbox);
        break;
      case v1::DaemonMessage::kStart:
        // The journal says that it is confined: it does nothing for the job unless it is.
        if (absl::Status status = Confine(options, JobFolder(message.start())); !status.ok()) {
          server::LogError({.job = message.start().job()},
                           absl::StrCat("The worker can't be confined to the job's files: ",
                                        std::string(status.message())));
          return kUnconfinedExitCode;
        }
        return RunAttempt(std::move(*message.mutable_start()), &cache, session, inbox, &outbox,
                          clock);
      case v1::DaemonMessage::kLeave:
        return 0;
      default:
        break;
    }
  }
}

}  // namespace descent::worker
