// Events are packed into rows here. Pure functions, and a class for one thread at a time.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_ROW_BUILDER_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_ROW_BUILDER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

// The largest batch row: large enough that a row's own cost vanishes, small enough that a filter or
// a retention that takes part of one wastes little.
inline constexpr int64_t kMaxRowBytes = 64 << 10;

// Numbers events from `first_revision` on and packs them into rows (rule: row.h).
std::vector<RowPtr> BuildRows(const std::vector<PendingEvent>& events, int64_t first_revision);

// Puts rows together that could have been one: adjacent batches of iterations, up to kMaxRowBytes.
// Rows must come in order of revision.
class RowJoiner {
 public:
  // Shares `row` if it stays alone, else copies its entries into a larger one.
  void Add(RowPtr row);
  // Gives what was added, as few rows.
  std::vector<RowPtr> Finish();

 private:
  void Flush();

  std::vector<RowPtr> rows_;
  RowPtr last_;                  // not in rows_ yet
  std::shared_ptr<Row> joined_;  // the same as last_, if it is a larger one made here
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_ROW_BUILDER_H_
