// Fills columns that were added to the tables after their first version. For the connection's
// thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_COLUMNS_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_COLUMNS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// Fills the columns that a store of this version, 1 or later, did not have, once they are there:
// checksums, and what is looked up by an index. The caller has begun a transaction.
absl::Status FillColumns(Connection& connection, int64_t version);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_COLUMNS_H_
