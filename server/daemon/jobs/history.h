#ifndef DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_
#define DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/daemon/jobs/lineage.h"

namespace descent::daemon {

// One request and what became of it.
struct Request {
  v1::CommandAccepted accepted;
  // The first CommandApplied or CommandRejected, with its revision; unset: unresolved.
  std::optional<v1::Event> resolution;
};

struct CheckpointRecord {
  std::string name;  // `{branch}-{iteration}`
  int32_t branch = 0;
  int64_t iteration = 0;
  std::string sha256;
  int64_t bytes = 0;
};

// The journal, folded into what decisions need beyond the v1::Job: the requests, the present
// branch, its checkpoints, and what a new attempt must be told. Not thread-safe.
//
// Apply takes every event but iterations, in order, with revision.
class History {
 public:
  void Apply(const v1::Event& event);

  const std::map<std::string, Request>& requests() const { return requests_; }
  const Request* FindRequest(const std::string& request_id) const;
  // In order of acceptance.
  std::vector<v1::CommandAccepted> Unresolved() const;

  const Lineage& lineage() const { return lineage_; }

  // The journal's evaluation of the present history, or null.
  const v1::Evaluated* FindEvaluation(const v1::Evaluated& like) const;
  bool HasCheckpoint(const v1::CheckpointSaved& saved) const;
  // Whether the present history has this request as applied (after a rewind: applied again).
  bool IsApplied(const std::string& request_id) const;
  bool IsToBeReapplied(const std::string& request_id) const;
  const std::vector<std::string>& series() const { return series_; }

  // Oldest first; those of left branches too.
  const std::vector<CheckpointRecord>& checkpoints() const { return checkpoints_; }
  void ForgetCheckpoint(const std::string& name);

  // What was applied after the state of a checkpoint at this iteration (−1: the starting point),
  // in order. A checkpoint holds no command of its own iteration.
  std::vector<worker::v1::Scripted> Script(int64_t checkpoint_iteration) const;

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
  int FruitlessAttempts(int64_t last_iteration_revision) const;

 private:
  struct Application {
    std::string request_id;
    int64_t iteration;
    int64_t revision;
    std::optional<int64_t> reapplied_from;
  };
  using EvaluationKey = std::tuple<int64_t, std::string, std::string, int32_t>;

  void ApplyRewound(const v1::Rewound& rewound);
  static EvaluationKey KeyOf(const v1::Evaluated& evaluated);

  std::map<std::string, Request> requests_;
  std::vector<std::string> order_;                      // of acceptance
  std::vector<Application> applied_;                    // in the present history
  std::vector<Application> to_reapply_;                 // after a rewind, until announced again
  std::map<EvaluationKey, v1::Evaluated> evaluations_;  // of the present history
  std::vector<CheckpointRecord> checkpoints_;
  std::vector<std::string> series_;
  Lineage lineage_;
  Attempt attempt_;
  std::vector<int64_t> attempt_revisions_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_
