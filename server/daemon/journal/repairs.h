// Repairs are for the little of a damaged store that the rest of it can make good. None of it is
// what anybody told the daemon: these are indexes, notes of what is still to be removed, and
// SQLite's note of the last number that a job got. They are for the connection's thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_REPAIRS_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_REPAIRS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/journal/schema_shape.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// Gives the notes that are not what was written, as clauses.
absl::StatusOr<std::vector<std::string>> DamagedNotes(Connection& connection);

// Makes these indexes, forgets damaged notes of deletions (what they name is removed by nobody, and
// rows that one spoke of are a job that has lost its line), and sets the last number. It logs what
// it does. The caller has begun a transaction.
absl::Status MakeAnew(Connection& connection, const std::vector<SchemaDifference::Index>& indexes);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_REPAIRS_H_
