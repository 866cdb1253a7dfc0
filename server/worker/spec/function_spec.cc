#include "server/worker/spec/function_spec.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/functions/vector.h"
#include "server/worker/spec/execution_spec.h"

namespace descent::worker {
namespace {

constexpr char kField[] = "objective.function";

// With the start that the literature gives.
absl::StatusOr<Function> Known(const api::Function& function) {
  switch (function.kind_case()) {
    case api::Function::kQuadratic:
      return Quadratic(
          {function.quadratic().diagonal().begin(), function.quadratic().diagonal().end()},
          {function.quadratic().linear().begin(), function.quadratic().linear().end()});
    case api::Function::kRosenbrock:
      return Rosenbrock(function.rosenbrock().dimension());
    case api::Function::kBeale:
      return Beale();
    case api::Function::kHimmelblau:
      return Himmelblau();
    case api::Function::kPowellSingular:
      return PowellSingular();
    case api::Function::kWood:
      return Wood();
    case api::Function::kHelicalValley:
      return HelicalValley();
    case api::Function::KIND_NOT_SET:
      break;
  }
  return absl::NotFoundError(
      "Give one of quadratic, rosenbrock, beale, himmelblau, powell_singular, wood and "
      "helical_valley");
}

// The field of a message like "dimension: it is 1, …", below the function's kind.
std::string FieldOf(const api::Function& function, const std::string& message) {
  const char* kind = function.has_quadratic() ? "quadratic" : "rosenbrock";
  return absl::StrCat(kField, ".", kind, ".", message.substr(0, message.find(':')));
}

void CheckStart(const api::Function& function, int64_t dimension, Violations* violations) {
  const std::string field = absl::StrCat(kField, ".start");
  if (function.start_size() != dimension) {
    violations->Add(field,
                    absl::StrCat("It has ", function.start_size(), " numbers, but the function ",
                                 dimension, "."),
                    "SHAPE_MISMATCH");
  }
  for (int i = 0; i < function.start_size(); ++i) {
    if (std::isfinite(function.start(i))) continue;
    violations->Add(absl::StrCat(field, "[", i, "]"), "It must be a finite number.",
                    "OUT_OF_RANGE");
    return;
  }
}

void Refuse(bool given, const char* field, const char* what, Violations* violations) {
  if (!given) return;
  violations->Add(field,
                  absl::StrCat("The objective is a function of a plain vector, which has no ", what,
                               ". Leave it out."),
                  "CONFLICT");
}

}  // namespace

void ResolveFunction(api::Spec* spec, Violations* violations) {
  Refuse(spec->has_model(), "model", "model", violations);
  Refuse(spec->has_data(), "data", "data", violations);
  Refuse(spec->has_epochs(), "epochs", "epochs; give iterations", violations);
  Refuse(spec->objective().penalties_size() > 0, "objective.penalties", "penalties", violations);
  Refuse(spec->evaluation().metrics_size() > 0, "evaluation.metrics", "metrics", violations);
  Refuse(spec->evaluation().training_data(), "evaluation.training_data", "data", violations);
  api::Function* function = spec->mutable_objective()->mutable_function();
  if (function->has_rosenbrock() && !function->rosenbrock().has_dimension()) {
    function->mutable_rosenbrock()->set_dimension(2);
  }
  const absl::StatusOr<Function> known = Known(*function);
  if (absl::IsNotFound(known.status())) {
    violations->Add(kField, absl::StrCat(std::string(known.status().message()), "."),
                    "MISSING_FIELD");
    return;
  }
  if (!known.ok()) {
    const std::string message(known.status().message());
    violations->Add(FieldOf(*function, message), absl::StrCat(message, "."), "OUT_OF_RANGE");
    return;
  }
  // The default may be long, and is a constant: it is not written down.
  if (function->start_size() > 0) CheckStart(*function, known->dimension(), violations);
  // Their minima are asked for to more digits than a float has.
  if (!spec->execution().has_dtype()) {
    spec->mutable_execution()->set_dtype(api::Execution::FLOAT64);
  }
}

absl::StatusOr<Function> ToFunction(const api::Function& function) {
  absl::StatusOr<Function> known = Known(function);
  if (known.ok() && function.start_size() > 0) {
    known->start.assign(function.start().begin(), function.start().end());
  }
  return known;
}

ModelOptions FunctionModel(const api::Spec& spec, const Function& function, at::Device device) {
  return {.root = Vector{function.start},
          .input_shape = {},
          .dtype = ToDtype(spec.execution()),
          .device = device};
}

}  // namespace descent::worker
