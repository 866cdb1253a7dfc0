#include "server/worker/bridge/function_spec.h"

#include <cmath>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/functions/function_kinds.h"
#include "core/functions/vector.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/field_reader.h"

namespace descent::worker {
namespace {

constexpr char kField[] = "objective.function";

// Gives the function with the start that the literature gives, and fills in defaults. NOT_FOUND
// without a kind.
absl::StatusOr<Function> Known(api::Function* function) {
  const std::unique_ptr<FunctionForm> form = ReadKind(NewFunction, function, "", nullptr);
  if (!form) return absl::NotFoundError(GiveOneOf(*function));
  // The function says itself what is wrong; what it doesn't, its declaration does.
  absl::StatusOr<Function> made = form->Make();
  if (!made.ok()) return made;
  if (absl::Status status = form->Validate(); !status.ok()) return status;
  return made;
}

void CheckStart(const api::Function& function, int64_t dimension, Violations* violations) {
  const std::string field = absl::StrCat(kField, ".start");
  if (function.start_size() != dimension) {
    violations->Add(field,
                    absl::StrCat("It has ", function.start_size(), " numbers, but the function ",
                                 dimension, "."),
                    reason::kShapeMismatch);
  }
  for (int i = 0; i < function.start_size(); ++i) {
    if (std::isfinite(function.start(i))) continue;
    violations->Add(absl::StrCat(field, "[", i, "]"), "It must be a finite number.",
                    reason::kOutOfRange);
    return;
  }
}

void Refuse(bool given, const char* field, const char* what, Violations* violations) {
  if (!given) return;
  violations->Add(field,
                  absl::StrCat("The objective is a function of a plain vector, which has no ", what,
                               ". Leave it out."),
                  reason::kConflict);
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
  const absl::StatusOr<Function> known = Known(function);
  if (absl::IsNotFound(known.status())) {
    violations->Add(kField, std::string(known.status().message()), reason::kMissingField);
    return;
  }
  if (!known.ok()) {
    const std::string message(known.status().message());
    // The message begins with the field: `dimension: it is 1, …`.
    violations->Add(
        absl::StrCat(kField, ".", KindOf(*function), ".", message.substr(0, message.find(':'))),
        absl::StrCat(message, "."), reason::kOutOfRange);
    return;
  }
  // The default start may be long, and is a constant: it is not written down.
  if (function->start_size() > 0) CheckStart(*function, known->dimension(), violations);
  // The minima are asked for to more digits than a float has.
  if (!spec->execution().has_dtype()) {
    spec->mutable_execution()->set_dtype(api::Execution::FLOAT64);
  }
}

absl::StatusOr<Function> ToFunction(const api::Function& function) {
  api::Function copy = function;
  absl::StatusOr<Function> known = Known(&copy);
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
