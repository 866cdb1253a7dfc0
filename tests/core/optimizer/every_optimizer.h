// Every optimizer by itself, every wrapper around one, groups, and what composes them: whoever
// tests a promise tests it on all of these.
#ifndef DESCENT_TESTS_CORE_OPTIMIZER_EVERY_OPTIMIZER_H_
#define DESCENT_TESTS_CORE_OPTIMIZER_EVERY_OPTIMIZER_H_

#include <ostream>
#include <string>
#include <vector>

#include "core/optimizer/model_run.h"

namespace descent {

struct NamedOptimizer {
  std::string name;  // letters, digits, `_`
  OptimizerOptions options;
};

inline void PrintTo(const NamedOptimizer& optimizer, std::ostream* out) { *out << optimizer.name; }

// Makes them for models with parameters called `0.weight`, `0.bias`, `2.weight`, `2.bias`.
// Schedules are made for 50 iterations.
std::vector<NamedOptimizer> EveryOptimizer();

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_OPTIMIZER_EVERY_OPTIMIZER_H_
