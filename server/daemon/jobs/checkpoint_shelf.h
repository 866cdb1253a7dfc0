// A `CheckpointShelf` knows which checkpoints a job has, who reads them, and which are due to go.
// It looks at no file (checkpoint_files.h does): it says which to load and
// which to remove. Not thread-safe: the job's mutex guards it.
#ifndef DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_SHELF_H_
#define DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_SHELF_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
#include "server/daemon/jobs/lineage.h"

namespace descent::daemon {

// A checkpoint whose CheckpointSaved is in the journal.
struct CheckpointRecord {
  std::string name = {};  // `{branch}-{iteration}`
  int32_t branch = 0;
  int64_t iteration = 0;
  std::string sha256 = {};
  int64_t bytes = 0;
  int64_t revision = 0;  // that of its CheckpointSaved
};

// How many of its newest checkpoints a job keeps.
int64_t KeptCheckpoints(const v1::Checkpoints& policy);

class CheckpointShelf {
 public:
  // `job` is its name, for sentences.
  explicit CheckpointShelf(std::string job) : job_(std::move(job)) {}

  // Takes every event that is appended, in order; those that tell of no checkpoint may be left out.
  void Apply(const v1::Event& event);

  // The checkpoints, oldest first; those of left branches too.
  const std::vector<CheckpointRecord>& records() const { return records_; }
  // The record of this name, or nullptr.
  const CheckpointRecord* Find(const std::string& name) const;
  // True if this very checkpoint was announced before.
  bool Has(const v1::CheckpointSaved& saved) const;
  // Gives those that an attempt may begin from: of the present history, newest first.
  std::vector<CheckpointRecord> OfHistory(const Lineage& lineage) const;
  // Gives the one that people name, among those that are durable: by its name, or its iteration in
  // the present history; if the name is empty, the newest of the present history.
  // FAILED_PRECONDITION if there is none at all, NOT_FOUND if there is none such.
  absl::StatusOr<CheckpointRecord> Choose(const std::string& given, const Lineage& lineage,
                                          int64_t durable_revision) const;

  // Somebody reads it: it is not surplus until each Hold has had its Release.
  void Hold(const std::string& name) { held_.insert(name); }
  void Release(const std::string& name) { held_.erase(held_.find(name)); }

  // Takes those off the shelf that newer ones push out, all but the `keep` newest of those that are
  // durable, and gives their names. One that is not durable yet pushes none out: a daemon that is
  // killed now would have neither. What somebody reads stays, and so does `needed` (empty: none).
  std::vector<std::string> TakeSurplus(int64_t keep, const std::string& needed,
                                       int64_t durable_revision);
  // Forgets the record of this name, if there is one: its file is gone.
  void Forget(const std::string& name);
  // Forgets all of them. Those who read one may still Release it.
  void Clear() { records_ = std::vector<CheckpointRecord>(); }

 private:
  std::string job_;
  std::vector<CheckpointRecord> records_;
  std::multiset<std::string> held_;  // the names of those that somebody reads
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_CHECKPOINT_SHELF_H_
