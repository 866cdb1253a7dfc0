// `DataFolder` says how much room the daemon's folder takes and has left, and when it was backed up
// last. Thread-safe.
//
// Room is asked for at every scrape. What each part takes is added up file by file, which is long
// for 10,000 jobs: on a thread of its own, when a scrape finds the figures older than kPeriod, for
// those that come after. So there are none before the second scrape.
#ifndef DESCENT_SERVER_DAEMON_METRICS_DATA_FOLDER_H_
#define DESCENT_SERVER_DAEMON_METRICS_DATA_FOLDER_H_

#include <prometheus/metric_family.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/common/clock.h"
#include "server/common/executor.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class DataFolder {
 public:
  static constexpr int64_t kPeriod = int64_t{5} * 60 * server::kSecond;

  // `clock` must outlive it.
  DataFolder(std::string path, const server::Clock* clock);
  ~DataFolder();

  // Gives what is known; what can't be read is left out.
  std::vector<prometheus::MetricFamily> Families();

 private:
  void Measure() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  const server::Clock* const clock_;
  std::atomic<bool> stopping_ = false;
  server::Mutex mutex_;
  std::optional<int64_t> asked_ ABSL_GUARDED_BY(mutex_);          // when it was measured last
  std::map<std::string, int64_t> bytes_ ABSL_GUARDED_BY(mutex_);  // by part
  server::Executor measuring_{1};                                 // last: it uses what is above
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_DATA_FOLDER_H_
