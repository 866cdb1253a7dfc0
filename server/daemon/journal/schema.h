// The tables of the store, and how they came to be what they are.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// The rows of all journals lie in one table, in order of their id: job number and first revision in
// one integer, so that a journal is one range of SQLite's only index by rowid, and an append
// touches one page, not two.
inline constexpr int kRevisionBits = 40;
inline constexpr int64_t kMaxRevision = (int64_t{1} << kRevisionBits) - 1;

inline int64_t RowId(int64_t job, int64_t revision) { return (job << kRevisionBits) | revision; }
inline int64_t RevisionOf(int64_t row_id) { return row_id & kMaxRevision; }
inline int64_t JobOf(int64_t row_id) { return row_id >> kRevisionBits; }

// True if a job can have this number: all others would stand for somebody else's rows.
inline constexpr int64_t kMaxJobNumber = (int64_t{1} << (63 - kRevisionBits)) - 1;
inline bool IsJobNumber(int64_t number) { return number >= 1 && number <= kMaxJobNumber; }

// Creates the tables or brings them up to date, in one transaction, and makes anew what can be made
// from the rest: indexes that are missing, and the number that the next job gets.
// FAILED_PRECONDITION if they were made by a newer version, or the file is not Descent's; DATA_LOSS
// if tables or columns are missing. A store of version 1 has all its rows read and rewritten.
absl::Status Migrate(Connection& connection);

// How far a store is as Migrate leaves it, without changing anything.
struct SchemaState {
  std::vector<std::string> problems;  // sentences
  bool readable = true;               // whether its jobs can be read nevertheless
};
// FAILED_PRECONDITION if it is of another version, or no store of Descent's.
absl::StatusOr<SchemaState> CheckSchema(Connection& connection);

// Has the file give back what is no longer used, a little at a time (`PRAGMA incremental_vacuum`).
// A store that was made without that is rewritten, if there is room for a copy.
absl::Status UseIncrementalVacuum(Connection& connection);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_H_
