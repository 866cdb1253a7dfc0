// The part of Job that answers people's commands. That each happens exactly once is
// request_book.h's.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "server/daemon/jobs/dials.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/origin.h"
#include "server/daemon/jobs/program.h"

namespace descent::daemon {

using server::MutexLock;

void Job::Command(const v1::CommandJobRequest& request, const Caller& caller,
                  Jobs::Callback<v1::CommandJobResponse> done) {
  v1::CommandAccepted asked;
  asked.set_request_id(request.request_id());
  asked.set_principal(caller.principal);
  *asked.mutable_commands() = request.commands();
  if (request.has_at_iteration()) asked.set_at_iteration(request.at_iteration());
  SetTrace(caller, asked);
  environment_.loop->Post([self = shared_from_this(),
                           next = Asked{caller, request, std::move(asked), std::move(done)}] {
    self->asked_.push_back(next);
    if (self->asked_.size() == 1) self->AskStore();
  });
}

void Job::AskStore() {
  environment_.store->Post([self = shared_from_this(), id = asked_.front().body.request_id()] {
    absl::StatusOr<std::vector<RowPtr>> stored = std::vector<RowPtr>();
    if (absl::Status status = self->LoadHistory(); status.ok()) {
      stored = self->journal_->FindRequest(id);
    } else {
      stored = std::move(status);
    }
    self->environment_.loop->Post(
        [self, stored = std::move(stored)] { self->AnswerFirst(stored); });
  });
}

void Job::AnswerFirst(const absl::StatusOr<std::vector<RowPtr>>& stored) {
  const Asked& first = asked_.front();
  if (!stored.ok()) {
    first.done(stored.status());
  } else if (!Answer(first, *stored)) {
    return AskStore();
  }
  asked_.pop_front();
  if (!asked_.empty()) AskStore();
}

bool Job::Answer(const Asked& asked, const std::vector<RowPtr>& stored) {
  MutexLock lock(mutex_);
  // Nothing will become of it, nor of what is open: there are only the answers that were given
  // before.
  if (absl::Status failed = FailedStore(); !failed.ok() && stored.size() < 2) {
    book_.Answer(asked.done, std::move(failed));
    return true;
  }
  switch (book_.Ask(asked.body, asked.caller, stored, asked.done)) {
    case RequestBook::Known::kAskAgain:
      return false;
    case RequestBook::Known::kYes:
      return true;
    case RequestBook::Known::kNo:
      break;
  }
  if (absl::Status refusal = CheckNewRequest(asked.request, asked.body); !refusal.ok()) {
    // The refusal rests on what may not be durable yet (a job's end that a full disk keeps
    // waiting), of which nobody is told before it is.
    OnceLanded([done = asked.done, refusal](const absl::Status& landed) {
      done(landed.ok() ? refusal : landed);
    });
    return true;
  }
  book_.Wait(asked.body.request_id(), asked.done);
  Accept(asked.body);
  return true;
}

absl::Status Job::FailedStore() const {
  const absl::Status stalled = journal_->stalled();
  if (stalled.ok() || GetErrorDetail(stalled).reason != reason::kStoreFailed) {
    return absl::OkStatus();
  }
  return stalled;
}

absl::Status Job::CheckNewRequest(const v1::CommandJobRequest& request,
                                  const v1::CommandAccepted& asked) const {
  if (present().is_final()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(rules::JobName(id_), " is over (", v1::JobState_Name(present().state()),
                     "): nothing can be changed any more"),
        reason::kJobFinished);
  }
  if (request.has_at_iteration() && request.at_iteration() < appender_.head_iteration()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("at_iteration ", request.at_iteration(),
                     " has passed: the run is at iteration ", appender_.head_iteration()),
        reason::kIterationPassed);
  }
  if (absl::Status status = CheckDials(request, present().given().summary()); !status.ok()) {
    return status;
  }
  absl::Status status = CheckRanges(request, present().given());
  // A worker that has yet to come is asked when it does.
  if (status.ok() && attempt_.is_live()) {
    status = CheckCapabilities(asked, attempt_.worker()->capabilities());
  }
  return status.ok() ? book_.CheckRoom(asked) : status;
}

void Job::Accept(const v1::CommandAccepted& accepted) {
  Draft draft;
  v1::Event event = appender_.NewEvent();
  *event.mutable_command_accepted() = accepted;
  appender_.Add(std::move(event), &draft);
  // Without a worker nobody else would answer; and a stop needs none.
  if (WaitsForWorker() && !accepted.has_at_iteration() &&
      std::all_of(accepted.commands().begin(), accepted.commands().end(),
                  [](const v1::Command& command) { return command.has_stop(); })) {
    StopWithoutWorker(accepted, &draft);
  }
  Append(std::move(draft));
}

bool Job::WaitsForWorker() const {
  return attempt_.is_idle() &&
         (present().state() == v1::QUEUED || present().given().spec().has_program());
}

void Job::StopWithoutWorker(const v1::CommandAccepted& accepted, Draft* draft) {
  v1::Event event = appender_.NewEvent();
  v1::CommandApplied& applied = *event.mutable_command_applied();
  applied.set_request_id(accepted.request_id());
  applied.set_iteration(appender_.head_iteration());
  applied.set_principal(accepted.principal());
  for (int i = 0; i < accepted.commands_size(); ++i) applied.add_commands("stop");
  appender_.Add(std::move(event), draft);
  const bool is_program = present().given().spec().has_program();
  AddFinal(appender_.NewState(v1::STOPPED, absl::StrCat("stopped by ", accepted.principal(),
                                                        is_program ? " while its program was away"
                                                                   : " before it was its turn")),
           draft);
}

void Job::ForwardAccepted(const v1::CommandAccepted& accepted) {
  if (!attempt_.is_live()) return;  // told with Start, or in Welcome
  worker::v1::DaemonMessage message;
  *message.mutable_command()->mutable_request() = accepted;
  attempt_.Send(std::move(message));
}

void Job::AnswerWaiters(const absl::Status& status) {
  MutexLock lock(mutex_);
  AnswerAll(status);
}

}  // namespace descent::daemon
