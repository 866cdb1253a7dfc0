#include "server/daemon/jobs/history.h"

#include <algorithm>
#include <utility>

namespace descent::daemon {
namespace {

// Of what was applied; some 100 bytes each.
constexpr int kMaxApplied = 1024;

}  // namespace

void History::Apply(const v1::Event& event) {
  if (event.sequence() > 0 && event.attempt() == attempt_.number) {
    attempt_.last_sequence = std::max(attempt_.last_sequence, event.sequence());
  }
  switch (event.kind_case()) {
    case v1::Event::kAttemptStarted:
      attempt_ = {event.attempt(), event.revision(), event.attempt_started(), 0};
      attempt_revisions_.push_back(event.revision());
      break;
    case v1::Event::kSeries:
      series_.assign(event.series().names().begin(), event.series().names().end());
      break;
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
    case v1::Event::kStateChanged:
      if (event.state_changed().state() == v1::QUEUED) attempt_revisions_.clear();
      // A worker that waits for people at the head has computed all that there was to compute.
      if (event.state_changed().state() == v1::PAUSED && event.attempt() == attempt_.number &&
          !attempt_revisions_.empty() && attempt_revisions_.back() == attempt_.revision) {
        attempt_revisions_.pop_back();
      }
      break;
    case v1::Event::kCheckpointSaved: {
      const v1::CheckpointSaved& saved = event.checkpoint_saved();
      ForgetCheckpoint(saved.checkpoint());
      checkpoints_.push_back(
          {saved.checkpoint(), event.branch(), saved.iteration(), saved.sha256(), saved.bytes()});
      break;
    }
    case v1::Event::kRewound:
      ApplyRewound(event.rewound());
      break;
    default:
      break;
  }
}

void History::ApplyApplied(const v1::CommandApplied& applied, int64_t revision) {
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

void History::ApplyRewound(const v1::Rewound& rewound) {
  const int64_t to = rewound.to_iteration();
  lineage_.Rewind(to, rewound.to_branch());
  attempt_revisions_.clear();
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

const Request* History::FindRequest(const std::string& request_id) const {
  const auto it = requests_.find(request_id);
  return it == requests_.end() ? nullptr : &it->second;
}

std::vector<v1::CommandAccepted> History::Unresolved(bool deliverable) const {
  std::vector<const Request*> open;
  for (const auto& [id, request] : requests_) {
    if (!request.resolved && (request.deliverable || !deliverable)) open.push_back(&request);
  }
  std::ranges::sort(open, {}, &Request::revision);
  std::vector<v1::CommandAccepted> unresolved;
  for (const Request* request : open) unresolved.push_back(request->accepted);
  return unresolved;
}

void History::MakeDeliverable(const std::string& request_id) {
  const auto it = requests_.find(request_id);
  if (it != requests_.end()) it->second.deliverable = true;
}

void History::Retire(const std::string& request_id) {
  const auto it = requests_.find(request_id);
  if (it == requests_.end() || !it->second.resolved) return;
  open_bytes_ -= static_cast<int64_t>(it->second.accepted.ByteSizeLong());
  requests_.erase(it);
}

void History::Forget(int64_t durable_revision) {
  if (applied_.size() <= kMaxApplied) return;
  const auto keep = applied_.end() - kMaxApplied / 2;
  auto end = applied_.begin();
  while (end != keep && end->revision <= durable_revision) ++end;
  if (end == applied_.begin()) return;
  forgotten_iteration_ = std::prev(end)->iteration;
  applied_.erase(applied_.begin(), end);
}

void History::Recall(const History& whole) {
  applied_ = whole.applied_;
  to_reapply_ = whole.to_reapply_;
  forgotten_iteration_ = whole.forgotten_iteration_;
}

bool History::HasCheckpoint(const v1::CheckpointSaved& saved) const {
  return std::any_of(checkpoints_.begin(), checkpoints_.end(), [&](const auto& record) {
    return record.name == saved.checkpoint() && record.sha256 == saved.sha256();
  });
}

bool History::IsApplied(const std::string& request_id) const {
  return std::any_of(applied_.begin(), applied_.end(),
                     [&](const auto& it) { return it.accepted.request_id() == request_id; });
}

bool History::IsToBeReapplied(const std::string& request_id) const {
  return std::any_of(to_reapply_.begin(), to_reapply_.end(),
                     [&](const auto& it) { return it.accepted.request_id() == request_id; });
}

void History::ForgetCheckpoint(const std::string& name) {
  std::erase_if(checkpoints_, [&](const auto& record) { return record.name == name; });
}

std::vector<worker::v1::Scripted> History::Script(int64_t checkpoint_iteration) const {
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

int History::FruitlessAttempts(int64_t last_iteration_revision) {
  // Those before will never count again.
  std::erase_if(attempt_revisions_,
                [&](int64_t revision) { return revision <= last_iteration_revision; });
  return static_cast<int>(attempt_revisions_.size());
}

}  // namespace descent::daemon
