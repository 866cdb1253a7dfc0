// The part of Job that answers people's commands: each request exactly once (DESIGN.md, 1, rule 4).

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "server/daemon/jobs/dials.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {
namespace {

using google::protobuf::util::MessageDifferencer;
using server::MutexLock;

// So many requests of a job may wait for an iteration to come; twice as many may be open in all. A
// worker is told all of them when it starts, in one message.
constexpr size_t kMaxWaitingRequests = 1000;
constexpr int64_t kMaxWaitingBytes = 1 << 20;
// Who waits for one request.
constexpr size_t kMaxWaiters = 16;

// What the store has of a request.
struct Stored {
  v1::Event accepted;
  std::optional<v1::Event> resolution;  // the first
};

absl::StatusOr<Stored> ReadRequest(const std::vector<RowPtr>& rows) {
  Stored stored;
  for (const RowPtr& row : rows) {
    for (const Entry& entry : Entries(*row)) {
      v1::Event event;
      if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
        return absl::DataLossError(
            absl::StrCat("The journal's event of revision ", entry.revision, " can't be read"));
      }
      if (event.has_command_accepted()) {
        stored.accepted = std::move(event);
      } else if (!stored.resolution.has_value()) {
        stored.resolution = std::move(event);
      }
    }
  }
  return stored;
}

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
  // The store is asked whether the request was made before. On the loop alone, so that between the
  // question and what follows from it nobody makes it.
  environment_.loop->Post([self = shared_from_this(), request, principal, done] {
    if (absl::Status status = self->LoadHistory(); !status.ok()) return done(status);
    while (true) {
      const auto known = self->journal_->FindRequest(request.request_id());
      if (!known.ok()) return done(known.status());
      MutexLock lock(self->mutex_);
      // Accepted alone, and no longer open: what came of it has become durable just now.
      const bool is_open = self->history_.FindRequest(request.request_id()) != nullptr;
      if (known->size() == 1 && !is_open) continue;
      return self->CommandLocked(request, principal, *known, done);
    }
  });
}

absl::Status Job::CheckOpenRequests(const v1::CommandJobRequest& request) const {
  // Who ends the run is let through.
  if (std::all_of(request.commands().begin(), request.commands().end(), IsStop)) {
    return absl::OkStatus();
  }
  const bool waits = request.has_at_iteration();
  const size_t limit = waits ? kMaxWaitingRequests : 2 * kMaxWaitingRequests;
  const int64_t bytes = waits ? kMaxWaitingBytes : 2 * kMaxWaitingBytes;
  if (history_.open_requests() < limit && history_.open_bytes() < bytes) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("jobs/", id_, " has ", history_.open_requests(),
                   " requests already that wait to be applied, and takes ", limit, " (or ",
                   bytes >> 20,
                   " MiB of them): send those for later iterations when the run is nearer to them"),
      "TOO_MANY_OPEN_REQUESTS");
}

void Job::CommandLocked(const v1::CommandJobRequest& request, const std::string& principal,
                        const std::vector<RowPtr>& rows, Waiter waiter) {
  v1::Event event = NewEvent();
  v1::CommandAccepted& accepted = *event.mutable_command_accepted();
  accepted.set_request_id(request.request_id());
  accepted.set_principal(principal);
  *accepted.mutable_commands() = request.commands();
  if (request.has_at_iteration()) accepted.set_at_iteration(request.at_iteration());

  const Request* open = history_.FindRequest(request.request_id());
  const absl::StatusOr<Stored> stored = ReadRequest(rows);
  if (!stored.ok()) return Post(std::move(waiter), stored.status());
  if (open != nullptr || stored->accepted.has_command_accepted()) {
    if (!SameBody(open != nullptr ? open->accepted : stored->accepted.command_accepted(),
                  accepted)) {
      return Post(std::move(waiter),
                  MakeError(absl::StatusCode::kAlreadyExists,
                            absl::StrCat("request_id \"", request.request_id(),
                                         "\" was used for another command of this job; draw a "
                                         "fresh one for each request"),
                            "REQUEST_ID_REUSED"));
    }
    if (stored->resolution.has_value()) {
      return Post(std::move(waiter), ToAnswer(*stored->resolution));
    }
    std::vector<Waiter>& waiters = waiters_[request.request_id()];
    if (waiters.size() == kMaxWaiters) {  // who asked first has hardly waited for so long
      Post(std::move(waiters.front()),
           MakeError(absl::StatusCode::kAborted,
                     "The request was made again too often to wait for all; it stays accepted: ask "
                     "for it again",
                     "TOO_MANY_OPEN_REQUESTS"));
      waiters.erase(waiters.begin());
    }
    waiters.push_back(std::move(waiter));
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
  if (absl::Status status = CheckOpenRequests(request); !status.ok()) {
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
  if (request == nullptr || request->resolved) return;
  worker::v1::DaemonMessage message;
  *message.mutable_command()->mutable_request() = accepted;
  attempt_.worker->Send(std::move(message));
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
  // The first one counts: when a request is applied once more after a rewind, nobody waits. From
  // now on the store knows it.
  history_.Retire(request_id);
  const auto it = waiters_.find(request_id);
  if (it == waiters_.end()) return;
  for (Waiter& waiter : it->second) Post(std::move(waiter), ToAnswer(resolution));
  waiters_.erase(it);
}

void Job::Post(Waiter waiter, absl::StatusOr<v1::CommandJobResponse> answer) const {
  environment_.loop->Post(
      [waiter = std::move(waiter), answer = std::move(answer)] { waiter(answer); });
}

}  // namespace descent::daemon
