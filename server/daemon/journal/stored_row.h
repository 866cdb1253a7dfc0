// How a row lies in the store's table. Free functions; one thread at a time on one statement.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_STORED_ROW_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_STORED_ROW_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "server/daemon/journal/row.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// A SELECT of these columns gives a row. The first ones cost nothing; what comes with and after the
// entries is read from the disk only when it is asked for.
#define DESCENT_ROW_COLUMNS                                                     \
  "id, last_revision, kind, branch, first_iteration, last_iteration, entries, " \
  "checksum, previous, request_id"

inline int64_t FirstRevisionOf(const Statement& row) { return RevisionOf(row.Int(0)); }
inline int64_t LastRevisionOf(const Statement& row) { return row.Int(1); }
inline v1::EventKind KindOf(const Statement& row) { return static_cast<v1::EventKind>(row.Int(2)); }
// Gives StoredRow::previous.
inline int64_t PreviousOf(const Statement& row) { return row.Int(8); }

// Gives the row that the statement is at. DATA_LOSS, a clause that names the revision, if it is not
// what was written.
absl::StatusOr<RowPtr> RowOf(const Statement& row);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_STORED_ROW_H_
