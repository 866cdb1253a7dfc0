// What people ask of the daemon as Prometheus sees it: requests, HTTP's answers, callers turned
// away. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_METRICS_REQUEST_FAMILIES_H_
#define DESCENT_SERVER_DAEMON_METRICS_REQUEST_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <vector>

#include "server/common/tally.h"
#include "server/daemon/metrics/metrics.h"
#include "server/daemon/security/access.h"

namespace descent::daemon {

// Gives connections, watchers and requests of each way in.
std::vector<prometheus::MetricFamily> TransportFamilies(
    const std::map<std::string, Metrics::Transport>& transports);

// Gives HTTP's answers, by verb, path and status.
prometheus::MetricFamily HttpFamily(const server::Tally<3>::Counts& answered);

// Gives who was turned away, and when the next token expires.
std::vector<prometheus::MetricFamily> AccessFamilies(const Access::Statistics& access);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_REQUEST_FAMILIES_H_
