#include "server/worker/session/attempt.h"

#include <ATen/Parallel.h>

#include <exception>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/text/exception_text.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/worker/bridge/data_digests.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/session/computing_time.h"
#include "server/worker/session/events.h"

namespace descent::worker {
namespace {

// A journal from before there was `on_non_finite` goes on as it did.
v1::Start Resolved(v1::Start start) {
  if (!start.spec().has_on_non_finite()) {
    start.mutable_spec()->set_on_non_finite(::descent::v1::Spec::CONTINUE);
  }
  return start;
}

std::string Describe(const Violations& violations) {
  const Violation& first = violations.list().front();
  return first.field.empty() ? first.description
                             : absl::StrCat(first.field, ": ", first.description);
}

}  // namespace

Attempt::Attempt(v1::Start start, DataCache* cache, Inbox* inbox, Outbox* outbox,
                 server::Clock* clock)
    : start_(Resolved(std::move(start))),
      cache_(cache),
      inbox_(inbox),
      clock_(clock),
      journal_(start_.attempt(), start_.branch(), outbox, clock) {}

Attempt::End Attempt::Run() {
  ComputingTime time(clock_, start_.elapsed_seconds());
  absl::StatusOr<Built> built = Build();
  if (!built.ok()) {
    const std::string cause(built.status().message());
    server::LogError({.job = start_.job()}, cause);
    journal_.Write(FailedEvent(
        StateBeforeRunning(start_), -1, cause,
        absl::IsDataLoss(built.status()) ? reason::kDataChanged : reason::kPreparationFailed));
    return End::kFinal;
  }
  TrainingLoop loop(start_, std::move(built->trainer), std::move(built->data), inbox_, &journal_,
                    &time, clock_);
  return loop.Run();
}

absl::StatusOr<Attempt::Built> Attempt::Build() const try {
  std::variant<Prepared, Violations> result = Prepare(start_.spec(), cache_);
  if (const auto* violations = std::get_if<Violations>(&result)) {
    const std::string problem = Describe(*violations);
    // The spec was valid when it was submitted. If the data were others then, that is why it is not
    // now.
    if (absl::Status s = CheckFiles(start_.summary(), cache_->roots()); !s.ok()) {
      return absl::DataLossError(absl::StrCat(s.message(), " ", problem));
    }
    return absl::InvalidArgumentError(problem);
  }
  Prepared& prepared = std::get<Prepared>(result);
  if (absl::Status s = CheckDigests(prepared.summary, start_.summary()); !s.ok()) return s;
  MappedData data(prepared, cache_->roots(), clock_);
  at::set_num_threads(prepared.spec.execution().threads());
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = MakeTrainer(std::move(prepared));
  if (!trainer.ok()) return trainer.status();
  return Built{.trainer = *std::move(trainer), .data = std::move(data)};
} catch (const std::exception& error) {  // such as LibTorch's, or for want of memory
  return absl::InternalError(
      absl::StrCat("The run can't be prepared: ", ExceptionText(error), "."));
}

}  // namespace descent::worker
