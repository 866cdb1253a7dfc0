#include "server/daemon/jobs/request_book.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {
namespace {

using google::protobuf::util::MessageDifferencer;

// So many requests of a job may wait for an iteration to come; twice as many may be open in all. A
// worker is told all of them when it starts, in one message.
constexpr size_t kMaxWaitingRequests = 1000;
constexpr int64_t kMaxWaitingBytes = 1 << 20;
// So many may wait for one request.
constexpr size_t kMaxWaiters = 16;
// So much is kept of what was applied; some 100 bytes each.
constexpr int kMaxApplied = 1024;

// What the store has of a request.
struct Stored {
  v1::Event accepted;
  std::optional<v1::Event> resolution;  // the first one
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
      } else if ((event.has_command_applied() || event.has_command_rejected()) &&
                 !stored.resolution.has_value()) {
        stored.resolution = std::move(event);
      }
    }
  }
  return stored;
}

bool SameBody(const v1::CommandAccepted& a, const v1::CommandAccepted& b) {
  v1::CommandAccepted first = a;
  v1::CommandAccepted second = b;
  // Who asks again may be an admin.
  first.clear_principal();
  second.clear_principal();
  first.clear_trace();
  second.clear_trace();
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

v1::CommandRejected RejectionOf(const v1::CommandAccepted& accepted, absl::StatusCode code,
                                const std::string& message, const std::string& reason) {
  v1::CommandRejected rejected;
  rejected.set_request_id(accepted.request_id());
  rejected.set_principal(accepted.principal());
  rejected.set_code(static_cast<int32_t>(code));
  rejected.set_message(message);
  rejected.set_reason(reason);
  return rejected;
}

// ------------------------------------------------------------------------------------- People ask

RequestBook::Known RequestBook::Ask(const v1::CommandAccepted& asked, const Caller& caller,
                                    const std::vector<RowPtr>& rows, const Waiter& waiter) {
  const Request* open = Find(asked.request_id());
  // It was accepted, and is no longer open: what came of it has become durable just now.
  if (rows.size() == 1 && open == nullptr) return Known::kAskAgain;
  const absl::StatusOr<Stored> stored = ReadRequest(rows);
  if (!stored.ok()) {
    Answer(waiter, stored.status());
    return Known::kYes;
  }
  if (open == nullptr && !stored->accepted.has_command_accepted()) return Known::kNo;
  const v1::CommandAccepted& known =
      open != nullptr ? open->accepted : stored->accepted.command_accepted();
  absl::Status replay = CheckReplay(caller, asked.request_id(), known.principal());
  if (!replay.ok()) {
    Answer(waiter, std::move(replay));
  } else if (!SameBody(known, asked)) {
    Answer(waiter, MakeError(absl::StatusCode::kAlreadyExists,
                             absl::StrCat("request_id \"", asked.request_id(),
                                          "\" was used for another command of this job; draw a "
                                          "fresh one for each request"),
                             reason::kRequestIdReused));
  } else if (stored->resolution.has_value()) {
    Answer(waiter, ToAnswer(*stored->resolution));
  } else {
    Wait(asked.request_id(), waiter);
  }
  return Known::kYes;
}

absl::Status RequestBook::CheckRoom(const v1::CommandAccepted& asked) const {
  // Who ends the run is let through.
  if (std::all_of(asked.commands().begin(), asked.commands().end(),
                  [](const v1::Command& command) { return command.has_stop(); })) {
    return absl::OkStatus();
  }
  const bool waits = asked.has_at_iteration();
  const size_t limit = waits ? kMaxWaitingRequests : 2 * kMaxWaitingRequests;
  const int64_t bytes = waits ? kMaxWaitingBytes : 2 * kMaxWaitingBytes;
  if (requests_.size() < limit && open_bytes_ < bytes) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat(job_, " has ", requests_.size(),
                   " requests already that wait to be applied, and takes ", limit, " (or ",
                   bytes >> 20,
                   " MiB of them): send those for later iterations when the run is nearer to them"),
      reason::kTooManyOpenRequests);
}

void RequestBook::Wait(const std::string& request_id, const Waiter& waiter) {
  std::vector<Waiter>& waiters = waiters_[request_id];
  if (waiters.size() == kMaxWaiters) {  // who asked first has hardly waited for so long
    Answer(waiters.front(),
           MakeError(absl::StatusCode::kAborted,
                     "The request was made again too often to wait for all; it stays accepted: ask "
                     "for it again",
                     reason::kTooManyOpenRequests));
    waiters.erase(waiters.begin());
  }
  waiters.push_back(waiter);
}

void RequestBook::AnswerAll(const absl::Status& status) {
  for (const auto& [id, waiters] : waiters_) {
    for (const Waiter& waiter : waiters) Answer(waiter, status);
  }
  waiters_.clear();
}

void RequestBook::Answer(const Waiter& waiter,
                         absl::StatusOr<v1::CommandJobResponse> answer) const {
  post_([waiter, answer = std::move(answer)] { waiter(answer); });
}

// ----------------------------------------------------------------------------------- Workers tell

RequestBook::Verdict RequestBook::Judge(const v1::Event& resolution) const {
  const bool is_applied = resolution.has_command_applied();
  const std::string& id = is_applied ? resolution.command_applied().request_id()
                                     : resolution.command_rejected().request_id();
  if (is_applied && IsApplied(id)) return Verdict::kRepeated;
  if (IsToBeReapplied(id)) return Verdict::kJournal;
  const Request* request = Find(id);
  if (request == nullptr) return Verdict::kUnknown;
  return request->resolved ? Verdict::kRepeated : Verdict::kJournal;
}

const RequestBook::Request* RequestBook::Find(const std::string& request_id) const {
  const auto it = requests_.find(request_id);
  return it == requests_.end() ? nullptr : &it->second;
}

const v1::CommandAccepted* RequestBook::FindUnresolved(const std::string& request_id) const {
  const Request* request = Find(request_id);
  return request == nullptr || request->resolved ? nullptr : &request->accepted;
}

std::vector<v1::CommandAccepted> RequestBook::Unresolved(bool deliverable) const {
  std::vector<const Request*> open;
  for (const auto& [id, request] : requests_) {
    if (!request.resolved && (request.deliverable || !deliverable)) open.push_back(&request);
  }
  std::ranges::sort(open, {}, &Request::revision);
  std::vector<v1::CommandAccepted> unresolved;
  for (const Request* request : open) unresolved.push_back(request->accepted);
  return unresolved;
}

bool RequestBook::IsApplied(const std::string& request_id) const {
  return std::any_of(applied_.begin(), applied_.end(),
                     [&](const auto& it) { return it.accepted.request_id() == request_id; });
}

bool RequestBook::IsToBeReapplied(const std::string& request_id) const {
  return std::any_of(to_reapply_.begin(), to_reapply_.end(),
                     [&](const auto& it) { return it.accepted.request_id() == request_id; });
}

std::vector<worker::v1::Scripted> RequestBook::Script(int64_t checkpoint_iteration) const {
  std::vector<Application> script;
  for (const Application& application : applied_) {
    if (application.iteration >= checkpoint_iteration) script.push_back(application);
  }
  script.insert(script.end(), to_reapply_.begin(), to_reapply_.end());
  std::ranges::stable_sort(script, {}, &Application::iteration);
  std::vector<worker::v1::Scripted> scripted;
  for (const Application& application : script) {
    worker::v1::Scripted entry;
    *entry.mutable_request() = application.accepted;
    entry.set_iteration(application.iteration);
    if (application.reapplied_from) entry.set_reapplied_from(*application.reapplied_from);
    scripted.push_back(std::move(entry));
  }
  return scripted;
}

// ------------------------------------------------------------------------------- The journal goes
// on

void RequestBook::Apply(const v1::Event& event) {
  switch (event.kind_case()) {
    case v1::Event::kCommandAccepted: {
      const v1::CommandAccepted& accepted = event.command_accepted();
      if (requests_.try_emplace(accepted.request_id(), Request{accepted, event.revision()})
              .second) {
        open_bytes_ += static_cast<int64_t>(accepted.ByteSizeLong());
      }
      break;
    }
    case v1::Event::kCommandApplied:
      ApplyApplied(event.command_applied(), event.revision());
      break;
    case v1::Event::kCommandRejected: {
      const auto it = requests_.find(event.command_rejected().request_id());
      if (it != requests_.end()) it->second.resolved = true;
      break;
    }
    case v1::Event::kRewound:
      ApplyRewound(event.rewound());
      break;
    default:
      break;
  }
}

void RequestBook::ApplyApplied(const v1::CommandApplied& applied, int64_t revision) {
  Application application{{}, applied.iteration(), revision, std::nullopt};
  if (applied.has_reapplied_from()) application.reapplied_from = applied.reapplied_from();
  const auto again = std::find_if(to_reapply_.begin(), to_reapply_.end(), [&](const auto& other) {
    return other.accepted.request_id() == applied.request_id();
  });
  if (again != to_reapply_.end()) {
    application.accepted = std::move(again->accepted);
    to_reapply_.erase(again);
  }
  if (const auto it = requests_.find(applied.request_id()); it != requests_.end()) {
    it->second.resolved = true;
    application.accepted = it->second.accepted;
  }
  applied_.push_back(std::move(application));
}

void RequestBook::ApplyRewound(const v1::Rewound& rewound) {
  const int64_t to = rewound.to_iteration();
  // Commands of boundary `to` are after the checkpoint there. Those still to be re-applied from an
  // earlier rewind come after whatever was applied since, in iteration order.
  std::vector<Application> again;
  std::erase_if(applied_, [&](const Application& application) {
    if (application.iteration < to) return false;
    again.push_back(application);
    again.back().reapplied_from = application.revision;
    return true;
  });
  again.insert(again.end(), to_reapply_.begin(), to_reapply_.end());
  std::ranges::stable_sort(again, {}, &Application::iteration);
  to_reapply_ = std::move(again);
}

const v1::CommandAccepted* RequestBook::Durable(const v1::Event& event) {
  if (event.has_command_accepted()) {
    const auto it = requests_.find(event.command_accepted().request_id());
    if (it == requests_.end()) return nullptr;
    it->second.deliverable = true;
    return it->second.resolved ? nullptr : &it->second.accepted;
  }
  if (event.has_command_applied()) {
    Settle(event.command_applied().request_id(), event);
  } else if (event.has_command_rejected()) {
    Settle(event.command_rejected().request_id(), event);
  }
  return nullptr;
}

void RequestBook::Settle(const std::string& request_id, const v1::Event& resolution) {
  const auto request = requests_.find(request_id);
  if (request != requests_.end() && request->second.resolved) {
    open_bytes_ -= static_cast<int64_t>(request->second.accepted.ByteSizeLong());
    requests_.erase(request);
  }
  // The first one counts: when a request is applied once more after a rewind, nobody waits.
  const auto it = waiters_.find(request_id);
  if (it == waiters_.end()) return;
  for (const Waiter& waiter : it->second) Answer(waiter, ToAnswer(resolution));
  waiters_.erase(it);
}

void RequestBook::Forget(int64_t durable_revision) {
  if (applied_.size() <= kMaxApplied) return;
  const auto keep = applied_.end() - kMaxApplied / 2;
  auto end = applied_.begin();
  while (end != keep && end->revision <= durable_revision) ++end;
  if (end == applied_.begin()) return;
  forgotten_iteration_ = std::prev(end)->iteration;
  applied_.erase(applied_.begin(), end);
}

void RequestBook::Recall(const RequestBook& whole) {
  std::vector<Application> applied = whole.applied_;
  const int64_t known = applied.empty() ? 0 : applied.back().revision;
  std::ranges::copy_if(applied_, std::back_inserter(applied),
                       [known](const Application& it) { return it.revision > known; });
  applied_ = std::move(applied);
  to_reapply_ = whole.to_reapply_;
  forgotten_iteration_ = whole.forgotten_iteration_;
}

void RequestBook::Rest() {
  applied_ = std::vector<Application>();
  to_reapply_ = std::vector<Application>();
}

}  // namespace descent::daemon
