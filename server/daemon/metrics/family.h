// prometheus-cpp's data structures, written down in one expression each. Free functions; any
// thread.
#ifndef DESCENT_SERVER_DAEMON_METRICS_FAMILY_H_
#define DESCENT_SERVER_DAEMON_METRICS_FAMILY_H_

#include <prometheus/metric_family.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace descent::daemon {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline prometheus::MetricFamily Gauge(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Gauge, {}};
}

inline prometheus::MetricFamily Histogram(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Histogram, {}};
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

// Adds a histogram: how many were within each bound and not within the one before, the last beyond
// all of them; and the sum of all.
template <size_t kBounds>
void AddHistogram(prometheus::MetricFamily& family, const std::array<double, kBounds>& bounds,
                  const std::array<int64_t, kBounds + 1>& within, double sum, Labels labels = {}) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  uint64_t cumulative = 0;
  for (size_t i = 0; i < kBounds; ++i) {
    cumulative += static_cast<uint64_t>(within[i]);
    metric.histogram.bucket.push_back({cumulative, bounds[i]});
  }
  metric.histogram.sample_count = cumulative + static_cast<uint64_t>(within[kBounds]);
  metric.histogram.sample_sum = sum;
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_FAMILY_H_
