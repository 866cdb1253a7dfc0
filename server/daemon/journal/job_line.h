// The line of a job in the table `jobs`: how it is read, checked and written. The functions work on
// a statement, so they are for its connection's thread.
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
  // Iteration events up to this revision have been thinned.
  int64_t compacted_revision = 0;
  // The bytes of the iteration rows up to counted_revision.
  int64_t iteration_bytes = 0;
  int64_t counted_revision = 0;
  // The first revision of the last row that is no ITERATION; 0 if there is none. So the last link
  // of StoredRow::previous can't be lost unnoticed either.
  int64_t last_other_revision = 0;
};

// A SELECT of a line gives these columns, and an UPDATE writes them (?1 to ?6).
#define DESCENT_JOB_COLUMNS                                                 \
  "number, job_id, compacted_revision, iteration_bytes, counted_revision, " \
  "last_other_revision, checksum"
inline constexpr int kJobColumns = 7;
inline constexpr const char* kUpdateJobLine =
    "UPDATE jobs SET compacted_revision = ?2, iteration_bytes = ?3, counted_revision = ?4, "
    "last_other_revision = ?5, checksum = ?6 WHERE number = ?1";

// Gives the line that the statement is at, unchecked.
JobLine JobLineAt(const Statement& statement);
// Gives DATA_LOSS with a clause if the line is not what was written, or names a job as none can be
// called.
absl::Status CheckJobLine(const Statement& statement, const JobLine& line);
// Binds the line to kUpdateJobLine.
Statement& BindJobLine(Statement& update, const JobLine& line);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_JOB_LINE_H_
