// Checksums find what SQLite does not tell: whether a row still says what was written. They are
// CRC-32 (zlib's polynomial), which finds every change of up to 32 bits in a row and misses one of
// 4 billion others. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_CHECKSUM_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_CHECKSUM_H_

#include <cstdint>
#include <string_view>

#include "server/daemon/journal/job_line.h"
#include "server/daemon/journal/rollup.h"

namespace descent::daemon {

// Everything that is stored of one row, as it is stored.
struct StoredRow {
  int64_t id = 0;
  int64_t last_revision = 0;
  int64_t kind = 0;
  int64_t branch = 0;
  int64_t first_iteration = 0;
  int64_t last_iteration = 0;
  // For any kind but ITERATION: the first revision of the row of another kind before it, or 0 if it
  // is the first. So these rows are a chain of their own, which thinning leaves whole. For
  // ITERATION it is 0.
  int64_t previous = 0;
  std::string_view request_id;
  std::string_view entries;
};

uint32_t Checksum(const StoredRow& row);

// The checksum of a job's snapshot.
uint32_t Checksum(std::string_view job_id, std::string_view snapshot);

// The checksum of what else the job's line in the table `jobs` says.
uint32_t Checksum(const JobLine& line);

// The checksums of the notes that a job was deleted: by its number, as long as it has rows, and by
// its id, as long as it may have a folder. What they name is removed.
uint32_t Checksum(int64_t deleted_job);
uint32_t Checksum(std::string_view deleted_job_id);

// The checksum of a job's roll-up, as SQLite gives it back: without NaN and the sign of zero.
uint32_t Checksum(int64_t job, const Rollup& rollup);

// The checksum of where a job's journal ends.
uint32_t Checksum(int64_t job, int64_t revision);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_CHECKSUM_H_
