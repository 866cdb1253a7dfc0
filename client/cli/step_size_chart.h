// A chart of the step size over the run, in text. A free function; any thread.
#ifndef DESCENT_CLIENT_CLI_STEP_SIZE_CHART_H_
#define DESCENT_CLIENT_CLI_STEP_SIZE_CHART_H_

#include <string>

#include "descent/v1/event.pb.h"

namespace descent::cli {

// Draws bars from zero, a few lines high; nothing if the step size is the same all along, or if
// there is none. Where a column stands for several points it shows the greatest. The chart is not
// wider than the terminal.
std::string StepSizeChart(const v1::SpecSummary& summary, size_t terminal_columns);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_STEP_SIZE_CHART_H_
