#ifndef DESCENT_SERVER_DAEMON_JOURNAL_CHECK_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace descent::daemon {

// What is wrong with a store.
struct StoreReport {
  struct Job {
    std::string job_id;
    int64_t head_revision = 0;
    std::string damage;  // a clause that names the revision; empty: all of it is whole
  };
  std::vector<Job> jobs;              // oldest first
  std::vector<std::string> problems;  // of the database as a whole, as SQLite says them

  bool whole() const;
};

// Reads all of a store: the database's structure, every row against its checksum, and that none is
// missing. Writes nothing; a daemon may serve the store meanwhile. The error says why it can't be
// read: NOT_FOUND if there is none, FAILED_PRECONDITION if it is of another version.
absl::StatusOr<StoreReport> CheckStore(const std::string& path);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_CHECK_H_
