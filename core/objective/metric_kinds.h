// All metrics by their names, for whoever learns the kind at run time.
//
// A new metric is a struct that declares its fields (options.h) and has `Metric Make() const`, a
// line in metric_kinds.cc, and a message of the spec with the same field names. Free functions; any
// thread.
#ifndef DESCENT_CORE_OBJECTIVE_METRIC_KINDS_H_
#define DESCENT_CORE_OBJECTIVE_METRIC_KINDS_H_

#include <span>
#include <string_view>

#include "core/objective/metric.h"
#include "core/objective/options.h"

namespace descent {

using MetricKind = OptionsKind<Metric>;

std::span<const MetricKind* const> MetricKinds();
// Null if there is none.
const MetricKind* FindMetricKind(std::string_view name);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_METRIC_KINDS_H_
