#ifndef DESCENT_SERVER_DAEMON_METRICS_PROCESS_H_
#define DESCENT_SERVER_DAEMON_METRICS_PROCESS_H_

#include <prometheus/metric_family.h>

#include <vector>

namespace descent::daemon {

// The process_* families that Prometheus' client libraries agree on, of this process, read from
// /proc: resident and virtual memory, open and allowed file descriptors, processor time, threads,
// start time. What cannot be read is left out.
std::vector<prometheus::MetricFamily> ProcessFamilies();

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_PROCESS_H_
