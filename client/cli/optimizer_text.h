// What people are told of an optimizer before a job runs. Free functions; any thread.
#ifndef DESCENT_CLIENT_CLI_OPTIMIZER_TEXT_H_
#define DESCENT_CLIENT_CLI_OPTIMIZER_TEXT_H_

#include <cstddef>
#include <string>

#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"

namespace descent::cli {

// Gives `clip_by_norm around ema around adam`: the outermost sees the gradient first.
std::string OptimizerText(const v1::Optimizer& optimizer);

// Gives a table of the groups and their parameters, so many columns wide; empty if there are none.
std::string GroupsText(const v1::SpecSummary& summary, size_t columns);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_OPTIMIZER_TEXT_H_
