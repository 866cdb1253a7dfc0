#include "tests/core/optimizer/every_optimizer.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/optimizer/kinds.h"
#include "core/sequence/composed.h"
#include "core/sequence/cosine.h"
#include "core/sequence/plateau.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

OptimizerOptions Made(absl::StatusOr<OptimizerOptions> options) {
  if (!options.ok()) throw std::logic_error(options.status().ToString());
  return *std::move(options);
}

OptimizerOptions Make(std::string_view kind, const Sequence& step_size,
                      const std::vector<ParameterGroup>& groups = {}, FieldValues values = {}) {
  if (NewOptimizer(kind)->fields().Find("step_size") != nullptr) {
    values.emplace_back("step_size", step_size);
  }
  return Made(MakeOptimizer(kind, values, groups));
}

OptimizerOptions Wrap(std::string_view kind, const OptimizerOptions& inner) {
  FieldValues values;
  const std::unique_ptr<WrapperForm> form = NewWrapper(kind);
  for (const Field& field : form->fields()) {
    if (field.name() == "pattern") values.emplace_back("pattern", std::string("*.weight"));
    if (field.name() == "max_norm") values.emplace_back("max_norm", Sequence(0.1));
  }
  return Made(MakeWrapper(kind, values, inner));
}

}  // namespace

std::vector<NamedOptimizer> EveryOptimizer() {
  std::vector<NamedOptimizer> all;
  const Sequence step_size = cosine(0.01, 50);
  for (const std::string_view kind : OptimizerKinds()) {
    all.push_back({std::string(kind), Make(kind, step_size)});
  }
  const OptimizerOptions adam = Make("adam", step_size);
  for (const std::string_view kind : WrapperKinds()) {
    all.push_back({std::string(kind), Wrap(kind, adam)});
  }
  all.push_back(
      {"groups",
       Make("rmsprop", step_size,
            {{.name = "frozen", .pattern = "2.*", .frozen = true},
             {.name = "weights", .pattern = "*.weight", .values = {{"step_size", Sequence(0.02)}}}},
            {{"centered", true}})});
  all.push_back(
      {"groups_of_matrices",
       Make("adafactor", step_size,
            {{.name = "last", .pattern = "2.*", .values = {{"step_size", Sequence(0.02)}}}})});
  all.push_back({"several", Wrap("ema", Wrap("clip_by_norm",
                                             Wrap("accumulate", Wrap("clip_by_norm", adam))))});
  all.push_back({"plateau", Make("sgd", Plateau{.initial = 0.02, .factor = 0.5, .patience = 3})});
  all.push_back(
      {"warmup_plateau",
       Make("adamw", Warmup{.iterations = 20,
                            .then = Plateau{.initial = 0.02, .patience = 1, .cooldown = 4}})});
  return all;
}

}  // namespace descent
