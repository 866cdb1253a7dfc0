#ifndef DESCENT_CLIENT_CLI_OPTIMIZER_TEXT_H_
#define DESCENT_CLIENT_CLI_OPTIMIZER_TEXT_H_

#include <string>

#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"

namespace descent::cli {

// `clip_by_norm around ema around adam`: the outermost sees the gradient first.
std::string OptimizerText(const v1::Optimizer& optimizer);

// A table of the groups and their parameters; empty if there are none.
std::string GroupsText(const v1::SpecSummary& summary);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_OPTIMIZER_TEXT_H_
