#include "core/objective/metric_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/objective/class_metrics.h"
#include "core/objective/metric.h"
#include "core/objective/value_metrics.h"

namespace descent {
namespace {

using Kinds = KindList<MetricForm, MakerOf<Metric>::Form, Accuracy, TopK, RSquared, Auc, Perplexity,
                       ConfusionMatrix, AbsoluteError, F1, F1Micro, F1Macro, F1Weighted>;

}  // namespace

std::unique_ptr<MetricForm> NewMetric(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> MetricKinds() { return Kinds::Names(); }

absl::Status CheckDirection(const Metric& metric, bool maximize) {
  if (metric.better == Better::kNeither) {
    return absl::InvalidArgumentError(
        absl::StrCat("metric: ", metric.name, " is no single number; give another one"));
  }
  const bool grows = metric.better == Better::kGreater;
  if (grows == maximize) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("maximize: ", metric.name, grows ? " grows" : " falls",
                   " as the model becomes better; give ", grows ? "true" : "false"));
}

}  // namespace descent
