// The jobs as Prometheus sees them. A pure function; any thread.
#ifndef DESCENT_SERVER_DAEMON_METRICS_JOB_FAMILIES_H_
#define DESCENT_SERVER_DAEMON_METRICS_JOB_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstdint>
#include <vector>

#include "descent/v1/training_service.pb.h"

namespace descent::daemon {

// Gives the jobs' number by state, and of each its state, its last iteration with every named
// series, its dials and its last evaluation. `wall_nanos` is now, since 1970.
//
// There are never too many series: of the unfinished jobs the newest 1,000, running ones before
// those that wait; of those that ended within the last 15 minutes the 100 that did last; of a job
// 100 dials, 100 named series and 100 metrics, the first; of all jobs kMostNamed of these, those of
// the first jobs in the same order. Two families say how much is left out.
inline constexpr int kMostNamed = 20'000;
std::vector<prometheus::MetricFamily> JobFamilies(const std::vector<v1::Job>& jobs,
                                                  int64_t wall_nanos);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_JOB_FAMILIES_H_
