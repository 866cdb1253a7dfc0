#ifndef DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_
#define DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/daemon/jobs/lineage.h"

namespace descent::daemon {

// One request that is not done with.
struct Request {
  v1::CommandAccepted accepted;
  int64_t revision = 0;      // of its acceptance
  bool deliverable = false;  // that is durable
  bool resolved = false;     // applied or rejected
};

// That a request was applied in the present history.
struct Application {
  v1::CommandAccepted accepted;
  int64_t iteration = 0;
  int64_t revision = 0;
  std::optional<int64_t> reapplied_from;
};

struct CheckpointRecord {
  std::string name;  // `{branch}-{iteration}`
  int32_t branch = 0;
  int64_t iteration = 0;
  std::string sha256;
  int64_t bytes = 0;
};

// The journal, folded into what decisions need beyond the v1::Job: the requests that are open, the
// present branch, its checkpoints, and what a new attempt must be told. Not thread-safe.
//
// What it holds is bounded by what is unfinished, not by what has happened: requests that are done
// with and evaluations are looked up in the journal (JobJournal::FindRequest, FindEvaluations), and
// of what was applied the newest are kept (Forget).
//
// Apply takes every event but iterations, in order, with revision.
class History {
 public:
  void Apply(const v1::Event& event);

  // Open ones, and those whose resolution is not durable yet.
  const Request* FindRequest(const std::string& request_id) const;
  // In order of acceptance; `deliverable`: whose acceptance is durable.
  std::vector<v1::CommandAccepted> Unresolved(bool deliverable = false) const;
  size_t open_requests() const { return requests_.size(); }
  int64_t open_bytes() const { return open_bytes_; }
  // The request's acceptance is durable; its resolution is.
  void MakeDeliverable(const std::string& request_id);
  void Retire(const std::string& request_id);

  const Lineage& lineage() const { return lineage_; }
  bool HasCheckpoint(const v1::CheckpointSaved& saved) const;
  // Whether the present history has this request as applied (after a rewind: applied again).
  bool IsApplied(const std::string& request_id) const;
  bool IsToBeReapplied(const std::string& request_id) const;
  const std::vector<std::string>& series() const { return series_; }

  // Oldest first; those of left branches too.
  const std::vector<CheckpointRecord>& checkpoints() const { return checkpoints_; }
  void ForgetCheckpoint(const std::string& name);

  // What was applied after the state of a checkpoint at this iteration (−1: the starting point),
  // in order. A checkpoint holds no command of its own iteration. Complete if HasScript.
  std::vector<worker::v1::Scripted> Script(int64_t checkpoint_iteration) const;
  bool HasScript(int64_t checkpoint_iteration) const {
    return checkpoint_iteration > forgotten_iteration_;
  }
  // Forgets what was applied first, once it is much: all but the newest, as far as it is durable.
  void Forget(int64_t durable_revision);
  // Everything that was applied, as another fold of the same journal has it, so that HasScript
  // holds for every iteration.
  void Recall(const History& whole);

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
  void ApplyRewound(const v1::Rewound& rewound);
  void ApplyApplied(const v1::CommandApplied& applied, int64_t revision);

  std::map<std::string, Request> requests_;
  int64_t open_bytes_ = 0;               // of requests_
  std::vector<Application> applied_;     // in the present history, in order of iteration
  int64_t forgotten_iteration_ = -2;     // of the last one that was forgotten
  std::vector<Application> to_reapply_;  // after a rewind, until announced again
  std::vector<CheckpointRecord> checkpoints_;
  std::vector<std::string> series_;
  Lineage lineage_;
  Attempt attempt_;
  std::vector<int64_t> attempt_revisions_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_HISTORY_H_
