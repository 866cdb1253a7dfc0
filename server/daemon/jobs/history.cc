#include "server/daemon/jobs/history.h"

#include <algorithm>
#include <utility>

namespace descent::daemon {

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
    case v1::Event::kEvaluation:
      evaluations_.insert_or_assign(KeyOf(event.evaluation()), event.evaluation());
      break;
    case v1::Event::kCommandAccepted: {
      const std::string& id = event.command_accepted().request_id();
      if (requests_.try_emplace(id, Request{event.command_accepted(), std::nullopt}).second) {
        order_.push_back(id);
      }
      break;
    }
    case v1::Event::kCommandApplied: {
      const v1::CommandApplied& applied = event.command_applied();
      Request& request = requests_[applied.request_id()];
      if (!request.resolution.has_value()) request.resolution = event;
      const auto same = [&](const Application& other) {
        return other.request_id == applied.request_id();
      };
      std::erase_if(to_reapply_, same);
      std::optional<int64_t> from;
      if (applied.has_reapplied_from()) from = applied.reapplied_from();
      applied_.push_back({applied.request_id(), applied.iteration(), event.revision(), from});
      break;
    }
    case v1::Event::kCommandRejected: {
      Request& request = requests_[event.command_rejected().request_id()];
      if (!request.resolution.has_value()) request.resolution = event;
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
  std::erase_if(evaluations_, [&](const auto& entry) {
    const auto& [iteration, dataset, request_id, part] = entry.first;
    return iteration > to || (iteration == to && !request_id.empty());
  });
}

const Request* History::FindRequest(const std::string& request_id) const {
  const auto it = requests_.find(request_id);
  return it == requests_.end() ? nullptr : &it->second;
}

std::vector<v1::CommandAccepted> History::Unresolved() const {
  std::vector<v1::CommandAccepted> unresolved;
  for (const std::string& id : order_) {
    const Request& request = requests_.at(id);
    if (!request.resolution.has_value()) unresolved.push_back(request.accepted);
  }
  return unresolved;
}

History::EvaluationKey History::KeyOf(const v1::Evaluated& evaluated) {
  return {evaluated.iteration(), evaluated.dataset(), evaluated.request_id(), evaluated.part()};
}

const v1::Evaluated* History::FindEvaluation(const v1::Evaluated& like) const {
  const auto it = evaluations_.find(KeyOf(like));
  return it == evaluations_.end() ? nullptr : &it->second;
}

bool History::HasCheckpoint(const v1::CheckpointSaved& saved) const {
  return std::any_of(checkpoints_.begin(), checkpoints_.end(), [&](const auto& record) {
    return record.name == saved.checkpoint() && record.sha256 == saved.sha256();
  });
}

bool History::IsApplied(const std::string& request_id) const {
  return std::any_of(applied_.begin(), applied_.end(),
                     [&](const auto& it) { return it.request_id == request_id; });
}

bool History::IsToBeReapplied(const std::string& request_id) const {
  return std::any_of(to_reapply_.begin(), to_reapply_.end(),
                     [&](const auto& it) { return it.request_id == request_id; });
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
    *entry.mutable_request() = requests_.at(application.request_id).accepted;
    entry.set_iteration(application.iteration);
    if (application.reapplied_from) entry.set_reapplied_from(*application.reapplied_from);
    scripted.push_back(std::move(entry));
  }
  return scripted;
}

int History::FruitlessAttempts(int64_t last_iteration_revision) const {
  return static_cast<int>(
      std::count_if(attempt_revisions_.begin(), attempt_revisions_.end(),
                    [&](int64_t revision) { return revision > last_iteration_revision; }));
}

}  // namespace descent::daemon
