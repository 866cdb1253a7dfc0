// What Prometheus is told of this process and of the workers' processes. Free functions; any
// thread.
#ifndef DESCENT_SERVER_DAEMON_METRICS_PROCESS_H_
#define DESCENT_SERVER_DAEMON_METRICS_PROCESS_H_

#include <prometheus/metric_family.h>

#include <vector>

#include "server/daemon/jobs/jobs.h"

namespace descent::daemon {

// Gives the process_* families that Prometheus' client libraries agree on, of this process, read
// from /proc: resident and virtual memory, open and allowed file descriptors, processor time,
// threads, start time. What cannot be read is left out.
std::vector<prometheus::MetricFamily> ProcessFamilies();

// Gives processor time, memory and threads of each worker of this machine, by its id and its job's
// (empty for a spare).
std::vector<prometheus::MetricFamily> WorkerFamilies(
    const std::vector<Jobs::WorkerProcess>& workers);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_PROCESS_H_
