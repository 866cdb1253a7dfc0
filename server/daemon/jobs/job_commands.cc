// The part of Job that answers people's commands: each request exactly once (DESIGN.md, 1, rule 4).

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "server/daemon/jobs/dials.h"
#include "server/daemon/jobs/job.h"

namespace descent::daemon {
namespace {

using google::protobuf::util::MessageDifferencer;
using server::MutexLock;

bool IsStop(const v1::Command& command) { return command.has_stop(); }

bool SameBody(const v1::CommandAccepted& a, const v1::CommandAccepted& b) {
  v1::CommandAccepted first = a;
  v1::CommandAccepted second = b;
  // Who asks again may be somebody else.
  first.clear_principal();
  second.clear_principal();
  return MessageDifferencer::Equals(first, second);
}

absl::StatusOr<v1::CommandJobResponse> ToAnswer(const v1::Event& resolution) {
  if (resolution.has_command_applied()) {
    v1::CommandJobResponse response;
    *response.mutable_event() = resolution;
    return response;
  }
  const v1::CommandRejected& rejected = resolution.command_rejected();
  ErrorDetail detail{.reason = rejected.reason()};
  if (!rejected.field().empty()) {
    detail.violations.push_back({rejected.field(), rejected.message()});
  }
  return MakeError(static_cast<absl::StatusCode>(rejected.code()), rejected.message(), detail);
}

}  // namespace

void Job::Command(const v1::CommandJobRequest& request, const std::string& principal,
                  Jobs::Callback<v1::CommandJobResponse> done) {
  {
    MutexLock lock(mutex_);
    if (history_loaded_) return CommandLocked(request, principal, std::move(done));
  }
  // A job that ended before the daemon was started: what was asked of it has to be read first.
  environment_.loop->Post([self = shared_from_this(), request, principal, done] {
    if (absl::Status status = self->LoadHistory(); !status.ok()) return done(status);
    MutexLock lock(self->mutex_);
    self->CommandLocked(request, principal, done);
  });
}

void Job::CommandLocked(const v1::CommandJobRequest& request, const std::string& principal,
                        Waiter waiter) {
  v1::Event event = NewEvent();
  v1::CommandAccepted& accepted = *event.mutable_command_accepted();
  accepted.set_request_id(request.request_id());
  accepted.set_principal(principal);
  *accepted.mutable_commands() = request.commands();
  if (request.has_at_iteration()) accepted.set_at_iteration(request.at_iteration());

  if (const Request* known = history_.FindRequest(request.request_id())) {
    if (!SameBody(known->accepted, accepted)) {
      return Post(std::move(waiter),
                  MakeError(absl::StatusCode::kAlreadyExists,
                            absl::StrCat("request_id \"", request.request_id(),
                                         "\" was used for another command of this job; draw a "
                                         "fresh one for each request"),
                            "REQUEST_ID_REUSED"));
    }
    const auto answer = answers_.find(request.request_id());
    if (answer != answers_.end()) return Post(std::move(waiter), ToAnswer(answer->second));
    waiters_[request.request_id()].push_back(std::move(waiter));
    return;
  }
  if (pending_.is_final()) {
    return Post(std::move(waiter), MakeError(absl::StatusCode::kFailedPrecondition,
                                             absl::StrCat("jobs/", id_, " is over (",
                                                          v1::JobState_Name(pending_.state()),
                                                          "): nothing can be changed any more"),
                                             "JOB_FINISHED"));
  }
  if (request.has_at_iteration() && request.at_iteration() < head_iteration_) {
    return Post(std::move(waiter),
                MakeError(absl::StatusCode::kFailedPrecondition,
                          absl::StrCat("at_iteration ", request.at_iteration(),
                                       " has passed: the run is at iteration ", head_iteration_),
                          "ITERATION_PASSED"));
  }
  if (absl::Status status = CheckDials(request, pending_.given().summary()); !status.ok()) {
    return Post(std::move(waiter), std::move(status));
  }
  waiters_[request.request_id()].push_back(std::move(waiter));
  Draft draft;
  Add(event, &draft);
  // Without a worker nobody else would answer; and a stop needs none.
  if (pending_.state() == v1::QUEUED && attempt_.phase == Phase::kIdle &&
      !request.has_at_iteration() &&
      std::all_of(request.commands().begin(), request.commands().end(), IsStop)) {
    StopQueued(event.command_accepted(), &draft);
  }
  Append(std::move(draft));
}

void Job::StopQueued(const v1::CommandAccepted& accepted, Draft* draft) {
  v1::Event event = NewEvent();
  v1::CommandApplied& applied = *event.mutable_command_applied();
  applied.set_request_id(accepted.request_id());
  applied.set_iteration(head_iteration_);
  applied.set_principal(accepted.principal());
  for (int i = 0; i < accepted.commands_size(); ++i) applied.add_commands("stop");
  Add(std::move(event), draft);
  AddFinal(NewState(v1::STOPPED,
                    absl::StrCat("stopped by ", accepted.principal(), " before it was its turn")),
           draft);
}

void Job::ForwardAccepted(const v1::CommandAccepted& accepted) {
  if (attempt_.phase != Phase::kLive || attempt_.worker == nullptr) return;
  const Request* request = history_.FindRequest(accepted.request_id());
  if (request == nullptr || request->resolution.has_value()) return;
  worker::v1::DaemonMessage message;
  *message.mutable_command()->mutable_request() = accepted;
  attempt_.worker->Send(std::move(message));
}

std::vector<v1::CommandAccepted> Job::DeliverableRequests() const {
  std::vector<v1::CommandAccepted> requests = history_.Unresolved();
  // Those not durable yet follow when they are.
  std::erase_if(requests, [&](const v1::CommandAccepted& accepted) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return accepted_.count(accepted.request_id()) == 0;
  });
  return requests;
}

void Job::AnswerWaiters(const absl::Status& status) {
  MutexLock lock(mutex_);
  AnswerWaitersLocked(status);
}

void Job::AnswerWaitersLocked(const absl::Status& status) {
  for (auto& [id, waiters] : waiters_) {
    for (Waiter& waiter : waiters) Post(std::move(waiter), status);
  }
  waiters_.clear();
}

void Job::Answer(const std::string& request_id, const v1::Event& resolution) {
  // The first one counts: after a rewind a request is applied once more.
  const auto [answer, is_first] = answers_.emplace(request_id, resolution);
  const auto it = waiters_.find(request_id);
  if (it == waiters_.end()) return;
  for (Waiter& waiter : it->second) Post(std::move(waiter), ToAnswer(answer->second));
  waiters_.erase(it);
}

void Job::Post(Waiter waiter, absl::StatusOr<v1::CommandJobResponse> answer) const {
  environment_.loop->Post(
      [waiter = std::move(waiter), answer = std::move(answer)] { waiter(answer); });
}

}  // namespace descent::daemon
