#include "server/daemon/jobs/history.h"

#include <algorithm>

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
      lineage_.Rewind(event.rewound().to_iteration(), event.rewound().to_branch());
      attempt_revisions_.clear();
      break;
    default:
      break;
  }
}

bool History::HasCheckpoint(const v1::CheckpointSaved& saved) const {
  return std::any_of(checkpoints_.begin(), checkpoints_.end(), [&](const auto& record) {
    return record.name == saved.checkpoint() && record.sha256 == saved.sha256();
  });
}

void History::ForgetCheckpoint(const std::string& name) {
  std::erase_if(checkpoints_, [&](const auto& record) { return record.name == name; });
}

int History::FruitlessAttempts(int64_t last_iteration_revision) {
  // Those before will never count again.
  std::erase_if(attempt_revisions_,
                [&](int64_t revision) { return revision <= last_iteration_revision; });
  return static_cast<int>(attempt_revisions_.size());
}

}  // namespace descent::daemon
