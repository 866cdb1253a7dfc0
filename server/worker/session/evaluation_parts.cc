#include "server/worker/session/evaluation_parts.h"

#include <cstddef>
#include <string>

#include "core/objective/metric.h"
#include "server/common/limits.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

// An entry of a matrix takes at most so much: three numbers of 32 bits.
constexpr size_t kEntryBytes = 15;

class Parts {
 public:
  explicit Parts(const api::Evaluated& about) : about_(about) { Begin(); }

  void Add(const MetricValue& value) {
    api::Metric* metric = Metric(value, value.name.size() + 16 + 9 * value.values.size());
    if (value.size == 0 && value.values.empty()) metric->set_value(value.value);
    for (const double number : value.values) metric->add_values(number);
    for (const MetricValue::Entry& entry : value.entries) {
      if (bytes_ + kEntryBytes > server::kPartBytes) {
        Begin();
        metric = Metric(value, value.name.size() + 16);
      }
      bytes_ += kEntryBytes;
      metric->add_rows(entry.row);
      metric->add_columns(entry.column);
      metric->add_counts(entry.count);
    }
  }

  std::vector<api::Event> Take() {
    if (events_.size() == 1) return std::move(events_);
    for (size_t i = 0; i < events_.size(); ++i) {
      events_[i].mutable_evaluation()->set_part(static_cast<int32_t>(i));
      events_[i].mutable_evaluation()->set_parts(static_cast<int32_t>(events_.size()));
    }
    return std::move(events_);
  }

 private:
  void Begin() {
    *events_.emplace_back().mutable_evaluation() = about_;
    bytes_ = about_.ByteSizeLong();
  }

  api::Metric* Metric(const MetricValue& value, size_t bytes) {
    if (bytes_ + bytes > server::kPartBytes) Begin();
    bytes_ += bytes;
    api::Metric* metric = events_.back().mutable_evaluation()->add_metrics();
    metric->set_name(value.name);
    metric->set_size(value.size);
    return metric;
  }

  const api::Evaluated& about_;
  std::vector<api::Event> events_;
  size_t bytes_ = 0;  // the most that the last event can take
};

}  // namespace

std::vector<api::Event> EvaluationParts(const api::Evaluated& about,
                                        const EvaluationResult& result) {
  Parts parts(about);
  parts.Add({.name = "loss", .value = result.loss});
  for (const MetricValue& value : result.metrics) parts.Add(value);
  return parts.Take();
}

}  // namespace descent::worker
