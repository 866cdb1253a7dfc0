#ifndef DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_
#define DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "server/daemon/jobs/lineage.h"

namespace descent::daemon {

struct CheckpointRecord {
  std::string name;  // `{branch}-{iteration}`
  int32_t branch = 0;
  int64_t iteration = 0;
  std::string sha256;
  int64_t bytes = 0;
};

// The journal, folded into what decisions need beyond the v1::Job: the present branch, its
// checkpoints and its attempts. (Its requests: request_book.h.) Not thread-safe.
//
// Apply takes every event but iterations, in order, with revision.
class History {
 public:
  void Apply(const v1::Event& event);

  const Lineage& lineage() const { return lineage_; }
  bool HasCheckpoint(const v1::CheckpointSaved& saved) const;
  const std::vector<std::string>& series() const { return series_; }

  // Oldest first; those of left branches too.
  const std::vector<CheckpointRecord>& checkpoints() const { return checkpoints_; }
  void ForgetCheckpoint(const std::string& name);

  // The newest attempt; revision 0: none yet.
  struct Attempt {
    int32_t number = 0;
    int64_t revision = 0;
    v1::AttemptStarted started;
    int64_t last_sequence = 0;  // of its events here
  };
  const Attempt& attempt() const { return attempt_; }
  // Attempts begun after this revision, the revision of the last new iteration, not counting those
  // before a rewind or an orderly end, nor those that came to wait for people (PAUSED).
  int FruitlessAttempts(int64_t last_iteration_revision);

 private:
  std::vector<CheckpointRecord> checkpoints_;
  std::vector<std::string> series_;
  Lineage lineage_;
  Attempt attempt_;
  std::vector<int64_t> attempt_revisions_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_
