#include "core/objective/metric_kinds.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/objective/class_metrics.h"
#include "core/objective/metric.h"
#include "core/objective/options.h"
#include "core/objective/value_metrics.h"

namespace descent {
namespace {

template <Described O>
class KindOf final : public MetricKind {
 public:
  std::string_view name() const override { return O::kind; }
  const std::vector<OptionField>& fields() const override { return fields_; }

  absl::StatusOr<Metric> Make(const OptionValues& values) const override {
    O options;
    if (absl::Status status = SetOptions(values, options); !status.ok()) return status;
    return options.Make();
  }

 private:
  const std::vector<OptionField> fields_ = OptionFields<O>();
};

template <class... O>
std::vector<const MetricKind*> MakeKinds() {
  return {new KindOf<O>...};
}

}  // namespace

std::span<const MetricKind* const> MetricKinds() {
  static const auto* kinds = new std::vector<const MetricKind*>(
      MakeKinds<Accuracy, TopK, RSquared, Auc, Perplexity, ConfusionMatrix, AbsoluteError>());
  return *kinds;
}

const MetricKind* FindMetricKind(std::string_view name) {
  const std::span<const MetricKind* const> kinds = MetricKinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const MetricKind* k) { return k->name() == name; });
  return found == kinds.end() ? nullptr : *found;
}

}  // namespace descent
