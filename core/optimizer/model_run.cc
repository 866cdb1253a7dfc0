#include "core/optimizer/model_run.h"

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "c10/util/Exception.h"
#include "core/model/layers.h"
#include "core/optimizer/any_objective.h"
#include "core/optimizer/method.h"
#include "core/optimizer/run.h"
#include "core/optimizer/run_state.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

// Gives the status of the exception that is being handled.
absl::Status PresentException() try { throw; } catch (const std::invalid_argument& error) {
  return absl::InvalidArgumentError(ExceptionText(error));
} catch (const c10::AcceleratorError& error) {
  return absl::UnavailableError(ExceptionText(error));
} catch (const std::exception& error) {
  return absl::InternalError(ExceptionText(error));
}

// Begins at x0, and tells its layers which of them won't move.
std::unique_ptr<Method<Model>> Begin(const OptimizerOptions& options, const Model& x0) {
  std::unique_ptr<Method<Model>> method = options.Start(x0);
  const Places frozen = method->frozen();
  if (frozen.empty()) return method;
  Model held = x0;
  held.Freeze(frozen);
  return options.Start(held);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelRun>> ModelRun::Create(const OptimizerOptions& options,
                                                           const Model& x0,
                                                           AnyObjective<Model> objective) try {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  return std::unique_ptr<ModelRun>(
      new ModelRun(Run<Model>(Begin(options, x0), std::move(objective))));
} catch (...) {
  return PresentException();
}

absl::StatusOr<ModelRun::View> ModelRun::current() try {
  const Iteration<Model> it = run_.Current();
  if (!gradient_norm_) gradient_norm_ = it.gradient_norm();
  return View{.index = it.index,
              .value = it.value,
              .gradient_norm = *gradient_norm_,
              .step_size = it.step_size,
              .solution = it.solution,
              .gradient = it.gradient,
              .evaluations = run_.evaluations(),
              .average = it.average,
              .weights = run_.objective().weights(),
              .stuck = run_.stuck(),
              .objective_changes = run_.changes()};
} catch (...) {
  return PresentException();
}

absl::Status ModelRun::advance() try {
  run_.Advance();
  gradient_norm_.reset();
  return absl::OkStatus();
} catch (...) {
  return PresentException();
}

absl::Status ModelRun::move(bool objective_moved) try {
  if (objective_moved) run_.ObjectiveMoved();
  run_.Move();
  return absl::OkStatus();
} catch (...) {
  return PresentException();
}

std::span<const NamedNumber> ModelRun::numbers() {
  size_t count = 0;
  run_.Report([&](std::string_view name, double value) {
    if (count == numbers_.size()) numbers_.push_back({std::string(name), value});
    numbers_[count++].value = value;
  });
  return numbers_;
}

RunState ModelRun::Save() { return SaveRun(run_); }

absl::Status ModelRun::Load(const RunState& state) try {
  if (absl::Status status = CheckRunState(run_, state); !status.ok()) return status;
  // Numbers are written before tensors; a dial that refuses its number stops it there.
  RunState before = Save();
  before.tensors.clear();
  gradient_norm_.reset();
  try {
    RestoreRun(run_, state);
  } catch (...) {
    absl::Status status = PresentException();
    RestoreRun(run_, before);
    return status;
  }
  return absl::OkStatus();
} catch (...) {
  return PresentException();
}

}  // namespace descent
