#include "server/worker/bridge/resolve.h"

#include <algorithm>
#include <limits>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/function_spec.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/optimizer_spec.h"
#include "server/worker/bridge/representable.h"
#include "server/worker/bridge/resolve_system.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/stop_spec.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

// More would take centuries, and products with the batch size must not overflow.
constexpr int64_t kMaxIterations = 1'000'000'000'000;
constexpr int64_t kMaxCheckpoints = 100;

void ResolveIntervals(api::Spec* spec, Violations* violations) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  api::Evaluation* evaluation = spec->mutable_evaluation();
  if (!evaluation->has_every_epochs()) evaluation->set_every_epochs(1);
  if (!evaluation->has_every_iterations()) evaluation->set_every_iterations(0);
  CheckBounds("evaluation.every_epochs", evaluation->every_epochs(), 0, kMost, violations);
  CheckBounds("evaluation.every_iterations", evaluation->every_iterations(), 0, kMost, violations);
  api::Checkpoints* checkpoints = spec->mutable_checkpoints();
  if (checkpoints->has_every_iterations()) {
    CheckBounds("checkpoints.every_iterations", checkpoints->every_iterations(), 0, kMost,
                violations);
  }
  if (!checkpoints->has_keep()) checkpoints->set_keep(3);
  CheckBounds("checkpoints.keep", checkpoints->keep(), 1, 1'000'000, violations);
  api::Retention* retention = spec->mutable_retention();
  if (!retention->has_max_bytes()) retention->set_max_bytes(int64_t{1} << 30);
  CheckBounds("retention.max_bytes", retention->max_bytes(), 1, kMost, violations);
}

// Resolves a spec of one model on data.
void ResolveTraining(api::Spec* spec, Violations* violations) {
  if (!spec->has_model()) {
    violations->Add("model", "Give the model.", reason::kMissingField);
  } else {
    ResolveLayers("model", spec->mutable_model(), violations);
  }
  Violations in_objective;
  ResolveObjective(spec->mutable_objective(), &in_objective);
  if (in_objective.empty()) {
    ResolveMetrics(spec->objective(), spec->mutable_evaluation(), violations);
  }
  violations->Add(in_objective);
  ResolveOptimizer(spec->mutable_optimizer(), violations);
  ResolveData(spec, violations);
  CheckEvaluation(spec->evaluation(), spec->data().has_test() || spec->data().has_split(),
                  violations);
}

bool SkipsNonFinite(const api::Optimizer& optimizer) {
  return std::any_of(optimizer.wrappers().begin(), optimizer.wrappers().end(),
                     [](const api::Wrapper& wrapper) { return wrapper.has_skip_nonfinite(); });
}

void ResolveOnNonFinite(api::Spec* spec) {
  if (spec->on_non_finite() != api::Spec::ON_NON_FINITE_UNSPECIFIED) return;
  bool skips = SkipsNonFinite(spec->optimizer());
  for (const api::Player& player : spec->system().players()) {
    skips = skips || SkipsNonFinite(player.optimizer());
  }
  spec->set_on_non_finite(skips ? api::Spec::CONTINUE : api::Spec::STOP);
}

// True if there is an evaluation before the run ends.
bool EvaluatesOnItsWay(int64_t per_epoch, const api::Spec& spec) {
  const bool data = spec.data().has_test() || spec.data().has_split();
  const Agenda agenda = ToAgenda(per_epoch, spec);
  return data && !IsSystem(spec) && !IsFunction(spec) &&
         agenda.FirstEvaluation() < agenda.iterations;
}

// A plateau goes by evaluations where there are any. A value on a batch is noisy: then it goes by
// the mean of an epoch's, and in a run of one epoch by that of a hundredth of the run, of ten
// batches at least. A function has no noise.
SequenceDefaults DefaultsOf(int64_t per_epoch, const api::Spec& spec) {
  SequenceDefaults defaults{.length = spec.iterations()};
  if (IsFunction(spec)) return defaults;
  if (EvaluatesOnItsWay(per_epoch, spec)) {
    defaults.metric = "loss";
  } else if (spec.iterations() > per_epoch) {
    defaults.average = per_epoch;
  } else {
    defaults.average = std::max<int64_t>(spec.iterations() / 100, 10);
  }
  return defaults;
}

uint64_t DrawSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

void ResolveWithoutData(api::Spec* spec, Violations* violations) {
  if (!spec->has_seed()) spec->set_seed(DrawSeed());
  if (IsSystem(*spec)) {
    ResolveSystem(spec, violations);
  } else if (IsFunction(*spec)) {
    ResolveFunction(spec, violations);
    ResolveOptimizer(spec->mutable_optimizer(), violations);
  } else {
    ResolveTraining(spec, violations);
  }
  if (!spec->has_iterations() && !spec->has_epochs()) {
    violations->Add("iterations", "Give the length of the run: iterations or epochs.",
                    reason::kMissingField);
  }
  if (spec->has_iterations()) {
    CheckBounds("iterations", spec->iterations(), 1, kMaxIterations, violations);
  }
  if (spec->has_epochs()) CheckBounds("epochs", spec->epochs(), 1, kMaxIterations, violations);
  ResolveExecution(spec, violations);
  CheckRepresentable(*spec, violations);
  ResolveOnNonFinite(spec);
  ResolveIntervals(spec, violations);
  ResolveStopTests(spec->stop_when(), violations);
}

bool ResolveBatchSize(const std::string& field, const TrainingData& train, api::Data* data,
                      Violations* violations) {
  const int64_t examples = train.examples;
  if (!data->has_batch_size()) {
    data->set_batch_size(data->full_batch() ? examples : std::min<int64_t>(64, examples));
  }
  if (data->full_batch() && data->batch_size() != examples) {
    violations->Add(absl::StrCat(field, ".batch_size"),
                    absl::StrCat("It is ", data->batch_size(), ", but `full_batch` takes all ",
                                 examples, " training examples: give one of the two."),
                    reason::kConflict);
    return false;
  }
  if (data->batch_size() <= examples) return true;
  std::string why;
  for (const std::string& note : train.notes) absl::StrAppend(&why, " ", note);
  violations->Add(absl::StrCat(field, ".batch_size"),
                  absl::StrCat("A batch is ", data->batch_size(),
                               " examples, but the training data holds only ", examples, ".", why,
                               " `batch_size: all` takes all there are."),
                  reason::kTooFewExamples);
  return false;
}

void ResolveLength(int64_t per_epoch, api::Spec* spec, Violations* violations) {
  if (spec->has_epochs()) {
    int64_t iterations;
    if (__builtin_mul_overflow(spec->epochs(), per_epoch, &iterations) ||
        iterations > kMaxIterations) {
      violations->Add("epochs",
                      absl::StrCat(spec->epochs(), " epochs of ", per_epoch,
                                   " iterations are more than ", kMaxIterations, "."),
                      reason::kOutOfRange);
      return;
    }
    if (spec->has_iterations() && spec->iterations() != iterations) {
      violations->Add(
          "iterations",
          absl::StrCat("Give iterations or epochs, not both: ", spec->epochs(), " epochs are ",
                       iterations, " iterations, not ", spec->iterations(), "."),
          reason::kConflict);
      return;
    }
    spec->set_iterations(iterations);
  }
  const int64_t iterations = spec->iterations();
  if (!spec->checkpoints().has_every_iterations()) {
    // An epoch may be a single step: every one of them on disk would be most of the run's time.
    spec->mutable_checkpoints()->set_every_iterations(
        std::max({std::min(per_epoch, iterations / 10), iterations / kMaxCheckpoints, int64_t{1}}));
  }
  const SequenceDefaults defaults = DefaultsOf(per_epoch, *spec);
  if (IsSystem(*spec)) return ResolveSequencesInRun(defaults, spec->mutable_system());
  ResolveSequencesInRun(defaults, spec->mutable_optimizer());
  ResolveSequencesInRun(defaults, spec->mutable_objective());
}

void ResolveWithData(const TrainingData& train, api::Spec* spec, Violations* violations) {
  if (!IsFunction(*spec) && !ResolveBatchSize("data", train, spec->mutable_data(), violations)) {
    return;
  }
  ResolveLength(IterationsPerEpoch(train.examples, *spec), spec, violations);
}

Agenda ToAgenda(int64_t per_epoch, const api::Spec& spec) {
  return {.iterations = spec.iterations(),
          .iterations_per_epoch = per_epoch,
          .evaluate_every_epochs = spec.evaluation().every_epochs(),
          .evaluate_every_iterations = spec.evaluation().every_iterations(),
          .checkpoint_every_iterations = spec.checkpoints().every_iterations()};
}

}  // namespace descent::worker
