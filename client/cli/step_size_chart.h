#ifndef DESCENT_CLIENT_CLI_STEP_SIZE_CHART_H_
#define DESCENT_CLIENT_CLI_STEP_SIZE_CHART_H_

#include <string>

#include "descent/v1/event.pb.h"

namespace descent::cli {

// The step size over the run as bars from zero, a few lines high; empty if it is the same all
// along, or if there is none. Where a column stands for several points it shows the greatest. Not
// wider than the terminal.
std::string StepSizeChart(const v1::SpecSummary& summary, size_t terminal_columns);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_STEP_SIZE_CHART_H_
