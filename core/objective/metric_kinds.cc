#include "core/objective/metric_kinds.h"

#include <span>
#include <string_view>

#include "core/kinds/kind_list.h"
#include "core/objective/class_metrics.h"
#include "core/objective/metric.h"
#include "core/objective/options.h"
#include "core/objective/value_metrics.h"

namespace descent {
namespace {

using Kinds = KindList<MetricKind, OptionsKindOf, Accuracy, TopK, RSquared, Auc, Perplexity,
                       ConfusionMatrix, AbsoluteError, F1, F1Micro, F1Macro, F1Weighted>;

}  // namespace

std::span<const MetricKind* const> MetricKinds() { return Kinds::All(); }

const MetricKind* FindMetricKind(std::string_view name) { return Kinds::Find(name); }

}  // namespace descent
