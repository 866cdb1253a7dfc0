#ifndef DESCENT_SERVER_DAEMON_METRICS_JOB_FAMILIES_H_
#define DESCENT_SERVER_DAEMON_METRICS_JOB_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <vector>

#include "descent/v1/training_service.pb.h"

namespace descent::daemon {

// The jobs as Prometheus sees them: their number by state, and for each one that is not finished
// its last iteration, its dials and its last evaluation. A pure function.
std::vector<prometheus::MetricFamily> JobFamilies(const std::vector<v1::Job>& jobs);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_JOB_FAMILIES_H_
