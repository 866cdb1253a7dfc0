// Roll-ups are what is left of iterations that were thinned. Values and pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_ROLLUP_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_ROLLUP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/daemon/journal/iteration_fields.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

// So many iterations one roll-up stands for, aligned: iteration / kRollupIterations.
inline constexpr int64_t kRollupIterations = 1024;

// The smallest, largest, mean and last of one plotted number. The first three are over finite
// values.
struct RollupSeries {
  int64_t count = 0;  // how many finite values there were
  double min = 0, max = 0, mean = 0;
  std::optional<double> last;

  void Add(double value);
  void Add(const RollupSeries& later);
};

// One bucket of iterations on one branch, or the part of it thinned so far.
struct Rollup {
  int32_t branch = 0;
  int64_t bucket = 0;
  int64_t first_iteration = 0, last_iteration = 0;
  int64_t first_revision = 0, last_revision = 0;
  int64_t count = 0;  // how many iterations
  // The fields that are rolled up, in kIterationFields' order.
  std::array<RollupSeries, kRolledUpFields> series;

  // Joins what comes after it in the same bucket.
  void Add(const Rollup& later);
};

// Folds iteration rows, oldest first.
std::vector<Rollup> RollUp(const std::vector<RowPtr>& rows);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_ROLLUP_H_
