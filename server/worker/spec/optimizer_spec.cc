#include "server/worker/spec/optimizer_spec.h"

#include "absl/strings/str_cat.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/nesterov.h"
#include "server/worker/spec/sequence_spec.h"

namespace descent::worker {
namespace {

api::Sequence Constant(double value) {
  api::Sequence sequence;
  sequence.set_constant(value);
  return sequence;
}

// Calls visit(range, field name, sequence or nullptr to be made, default or nullopt if required)
// for each hyperparameter that is a sequence.
template <typename Visit>
void VisitSequences(api::Optimizer* optimizer, Visit visit) {
  const Range step_size = NonNegative("step_size");
  switch (optimizer->kind_case()) {
    case api::Optimizer::kGradientDescent: {
      auto* options = optimizer->mutable_gradient_descent();
      visit(
          step_size, options->has_step_size(), [=] { return options->mutable_step_size(); },
          nullptr);
      return;
    }
    case api::Optimizer::kHeavyBall: {
      auto* options = optimizer->mutable_heavy_ball();
      const api::Sequence momentum = Constant(0.9);
      visit(
          step_size, options->has_step_size(), [=] { return options->mutable_step_size(); },
          nullptr);
      visit(
          UnitInterval("momentum"), options->has_momentum(),
          [=] { return options->mutable_momentum(); }, &momentum);
      return;
    }
    case api::Optimizer::kNesterov: {
      auto* options = optimizer->mutable_nesterov();
      api::Sequence momentum;
      momentum.mutable_nesterov();
      visit(
          step_size, options->has_step_size(), [=] { return options->mutable_step_size(); },
          nullptr);
      visit(
          UnitInterval("momentum"), options->has_momentum(),
          [=] { return options->mutable_momentum(); }, &momentum);
      return;
    }
    case api::Optimizer::kAdam: {
      auto* options = optimizer->mutable_adam();
      const api::Sequence defaults[] = {Constant(0.001), Constant(0.9), Constant(0.999)};
      visit(
          step_size, options->has_step_size(), [=] { return options->mutable_step_size(); },
          &defaults[0]);
      visit(
          UnitInterval("beta1"), options->has_beta1(), [=] { return options->mutable_beta1(); },
          &defaults[1]);
      visit(
          UnitInterval("beta2"), options->has_beta2(), [=] { return options->mutable_beta2(); },
          &defaults[2]);
      return;
    }
    case api::Optimizer::KIND_NOT_SET:
      return;
  }
}

}  // namespace

std::string DialPrefix(const api::Optimizer& optimizer) {
  switch (optimizer.kind_case()) {
    case api::Optimizer::kGradientDescent:
      return "optimizer.gradient_descent.";
    case api::Optimizer::kHeavyBall:
      return "optimizer.heavy_ball.";
    case api::Optimizer::kNesterov:
      return "optimizer.nesterov.";
    case api::Optimizer::kAdam:
      return "optimizer.adam.";
    case api::Optimizer::KIND_NOT_SET:
      break;
  }
  return "optimizer.";
}

void ResolveOptimizer(api::Optimizer* optimizer, Violations* violations) {
  if (optimizer->kind_case() == api::Optimizer::KIND_NOT_SET) {
    violations->Add("optimizer", "Give one of gradient_descent, heavy_ball, nesterov and adam.",
                    "MISSING_FIELD");
    return;
  }
  const std::string prefix = DialPrefix(*optimizer);
  VisitSequences(optimizer, [&](const Range& range, bool given, auto sequence,
                                const api::Sequence* default_value) {
    const std::string field = absl::StrCat(prefix, range.field);
    if (!given && default_value == nullptr) {
      violations->Add(field, "This optimizer needs a step size.", "MISSING_FIELD");
      return;
    }
    if (!given) *sequence() = *default_value;
    ResolveSequence(range, field, sequence(), violations);
  });
  if (!optimizer->has_adam()) return;
  api::Adam* adam = optimizer->mutable_adam();
  if (!adam->has_epsilon()) adam->set_epsilon(1e-8);
  if (absl::Status status = CheckPositive("epsilon", adam->epsilon()); !status.ok()) {
    violations->Add(absl::StrCat(prefix, "epsilon"),
                    absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
}

void ResolveSchedules(int64_t iterations, api::Optimizer* optimizer) {
  VisitSequences(optimizer, [&](const Range&, bool, auto sequence, const api::Sequence*) {
    ResolveSequenceLength(iterations, sequence());
  });
}

OptimizerOptions ToOptimizerOptions(const api::Optimizer& optimizer) {
  switch (optimizer.kind_case()) {
    case api::Optimizer::kHeavyBall:
      return HeavyBall{.step_size = ToSequence(optimizer.heavy_ball().step_size()),
                       .momentum = ToSequence(optimizer.heavy_ball().momentum())};
    case api::Optimizer::kNesterov:
      return Nesterov{.step_size = ToSequence(optimizer.nesterov().step_size()),
                      .momentum = ToSequence(optimizer.nesterov().momentum())};
    case api::Optimizer::kAdam:
      return Adam{.step_size = ToSequence(optimizer.adam().step_size()),
                  .beta1 = ToSequence(optimizer.adam().beta1()),
                  .beta2 = ToSequence(optimizer.adam().beta2()),
                  .epsilon = optimizer.adam().epsilon()};
    case api::Optimizer::kGradientDescent:
    case api::Optimizer::KIND_NOT_SET:  // refused before
      break;
  }
  return GradientDescent{.step_size = ToSequence(optimizer.gradient_descent().step_size())};
}

Loss ToLoss(const api::Objective& objective) {
  return objective.has_cross_entropy() ? cross_entropy() : mean_squared_error();
}

}  // namespace descent::worker
