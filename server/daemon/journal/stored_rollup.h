// How a roll-up lies in the store's table. Free functions; one thread at a time on one statement.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_STORED_ROLLUP_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_STORED_ROLLUP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/daemon/journal/rollup.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// Give the columns of `rollups`, in the order of the two below, and as many parameters: ?1, ?2…
std::string RollupColumns();
std::string RollupParameters();

// Binds all of a roll-up, from parameter 1 on.
void BindRollup(Statement& statement, int64_t job, const Rollup& rollup);

// Gives the roll-up that the statement is at, unchecked.
Rollup RollupAt(const Statement& statement);
// Gives the same checked: DATA_LOSS, a clause that names the iterations, if it is not what was
// written.
absl::StatusOr<Rollup> RollupOf(const Statement& statement);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_STORED_ROLLUP_H_
