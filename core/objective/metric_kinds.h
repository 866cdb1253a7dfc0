// All metrics by their names, for whoever learns the kind at run time.
//
// A new metric is a struct that declares its fields (core/fields) and has `Metric Make() const`, a
// line in metric_kinds.cc, and a message of the spec with the same field names. Free functions; any
// thread.
#ifndef DESCENT_CORE_OBJECTIVE_METRIC_KINDS_H_
#define DESCENT_CORE_OBJECTIVE_METRIC_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/objective/metric.h"

namespace descent {

using MetricForm = Maker<Metric>;

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<MetricForm> NewMetric(std::string_view kind);

// Gives the names: `accuracy`, …
std::vector<std::string_view> MetricKinds();

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_METRIC_KINDS_H_
