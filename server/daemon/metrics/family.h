// prometheus-cpp's data structures, written down in one expression each. Free functions; any
// thread.
#ifndef DESCENT_SERVER_DAEMON_METRICS_FAMILY_H_
#define DESCENT_SERVER_DAEMON_METRICS_FAMILY_H_

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace descent::daemon {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline prometheus::MetricFamily Gauge(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Gauge, {}};
}

inline prometheus::MetricFamily Counter(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Counter, {}};
}

// Adds a sample to a gauge or a counter.
inline void AddSample(prometheus::MetricFamily& family, double value, Labels labels = {}) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

inline prometheus::MetricFamily Sampled(prometheus::MetricFamily family, double value,
                                        Labels labels = {}) {
  AddSample(family, value, std::move(labels));
  return family;
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_FAMILY_H_
