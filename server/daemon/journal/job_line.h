#ifndef DESCENT_SERVER_DAEMON_JOURNAL_JOB_LINE_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_JOB_LINE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// A job's line in the table `jobs`, but for its snapshot.
struct JobLine {
  int64_t number = 0;
  std::string job_id;
  // Iteration events up to here have been thinned.
  int64_t compacted_revision = 0;
  // Bytes of the iteration rows up to counted_revision.
  int64_t iteration_bytes = 0;
  int64_t counted_revision = 0;
  // The first revision of the last row that is no ITERATION; 0: there is none. So the last link of
  // StoredRow::previous can't be lost unnoticed either.
  int64_t last_other_revision = 0;
};

// What a SELECT of these columns gives, and an UPDATE of a line (?1 to ?6) writes.
#define DESCENT_JOB_COLUMNS                                                 \
  "number, job_id, compacted_revision, iteration_bytes, counted_revision, " \
  "last_other_revision, checksum"
inline constexpr int kJobColumns = 7;
inline constexpr const char* kUpdateJobLine =
    "UPDATE jobs SET compacted_revision = ?2, iteration_bytes = ?3, counted_revision = ?4, "
    "last_other_revision = ?5, checksum = ?6 WHERE number = ?1";

// The line that the statement is at, unchecked.
JobLine JobLineAt(const Statement& statement);
// DATA_LOSS if it is not what was written, or names a job as none can be called: a clause.
absl::Status CheckJobLine(const Statement& statement, const JobLine& line);
// Binds it to kUpdateJobLine.
Statement& BindJobLine(Statement& update, const JobLine& line);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_JOB_LINE_H_
