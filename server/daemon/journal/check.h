// Checks a whole store (`descentd check`). Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_CHECK_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"

namespace descent::daemon {

// What is wrong with a store, and with the files of its jobs' checkpoints.
struct StoreReport {
  struct Job {
    int64_t number = 0;
    std::string job_id;
    int64_t head_revision = 0;
    std::string damage;  // a clause that says where; empty: all of its journal is whole
    // What is wrong with the files of its checkpoints, a clause each. The journal's library looks
    // at none of them: jobs/checkpoint_check.h does.
    std::vector<std::string> checkpoints;
    // All whose files were looked at, oldest first.
    struct Checkpoint {
      std::string name;
      std::string fault;  // a clause; empty: its file is what was written
    };
    std::vector<Checkpoint> looked_at;

    bool whole() const { return damage.empty() && checkpoints.empty(); }
  };
  std::vector<Job> jobs;              // oldest first
  std::vector<std::string> problems;  // of the database as a whole
  bool readable = true;               // false: for these problems, the jobs were not looked at

  bool whole() const;
};

// It is called before each part of a check, with what is looked at now: `jobs/a (1 of 4)`.
using CheckProgress = std::function<void(const std::string& what)>;

// Reads all of a store: the database's structure, every row and note against its checksum, and that
// none is missing. Writes nothing; a daemon may serve the store meanwhile. The error says why it
// can't be read: NOT_FOUND if there is none, FAILED_PRECONDITION if it is of another version.
absl::StatusOr<StoreReport> CheckStore(const std::string& path,
                                       const CheckProgress& progress = nullptr);

// Calls `take` with every event of these kinds of one job, in order, as the store has them now.
// NOT_FOUND if there is no such job any more; DATA_LOSS has a clause for its message.
absl::Status ReadStoredEvents(const std::string& path, int64_t job_number,
                              const std::vector<v1::EventKind>& kinds,
                              const std::function<void(const v1::Event&)>& take);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_CHECK_H_
