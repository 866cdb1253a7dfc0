#include "core/train/model_trainer.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/objective/estimate_states.h"
#include "core/objective/supervised_objective.h"
#include "core/train/checkpoint.h"
#include "core/train/non_finite.h"

namespace descent {
namespace {

// Every iteration shows the step size in a field of its own, so it is no series.
constexpr char kStepSize[] = "step_size";
// What a checkpoint holds of the stop tests.
constexpr char kSolutionChange[] = "stop.solution_change";
constexpr char kValueChange[] = "stop.value_change";

std::optional<double> MetricOf(const EvaluationResult& evaluation, const std::string& name) {
  if (name == "loss") return evaluation.loss;
  for (const MetricValue& metric : evaluation.metrics) {
    if (metric.name == name && metric.values.empty()) return metric.value;
  }
  return std::nullopt;
}

// Checks that a metric that grows as the model becomes better is maximized, and others minimized.
absl::Status CheckDirection(const Sequence::Feedback& feedback,
                            const std::vector<Metric>& metrics) {
  // A metric of the training data goes the same way as that of the test data.
  std::string_view name = feedback.metric;
  if (name.starts_with(kTrainPrefix)) name.remove_prefix(std::string_view(kTrainPrefix).size());
  for (const Metric& metric : metrics) {
    if (metric.name == name) return CheckDirection(metric, feedback.maximize);
  }
  if (name != "loss") return absl::OkStatus();
  return CheckDirection(Metric{.name = "loss", .better = Better::kLess, .check = {}, .start = {}},
                        feedback.maximize);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> ModelTrainer::Create(TrainerOptions options) {
  const Model* starting_point = options.starting_point;
  const OptimizerOptions optimizer = options.optimizer;
  const auto path = [given = options.dial_path](const std::string& name) {
    return given ? given(name) : name;
  };
  const StopTests stop_when = options.stop_when;
  const std::optional<at::ScalarType> compute_dtype = options.compute_dtype;
  if (absl::Status status = stop_when.Validate(); !status.ok()) return status;
  std::optional<AnyObjective<Model>> objective = std::move(options.objective);
  std::unique_ptr<ModelTrainer> trainer = absl::WrapUnique(new ModelTrainer(std::move(options)));
  if (!objective && !(trainer->loss_ && trainer->batches_)) {
    return absl::InvalidArgumentError("objective: give one, or loss and batches");
  }
  if (!objective) {
    objective.emplace(SupervisedObjective(
        *trainer->loss_,
        [batches = trainer->batches_](int64_t iteration) { return batches->At(iteration); },
        compute_dtype));
  }
  absl::StatusOr<std::unique_ptr<ModelRun>> run =
      ModelRun::Create(optimizer, *starting_point, *std::move(objective));
  if (!run.ok()) return run.status();
  if (stop_when.any()) {
    trainer->stopper_.emplace(stop_when, [t = trainer.get()] { return t->seconds_; });
  }
  trainer->run_ = *std::move(run);
  std::vector<std::string> paths;
  std::vector<Settable> dials;
  for (Dial* dial : trainer->run_->dials()) {
    paths.push_back(path(dial->name));
    dials.push_back(dial->sequence);
    const Sequence::Feedback* feedback = dial->sequence.feedback();
    if (!feedback || feedback->metric == Sequence::kValue) continue;
    if (!trainer->test_) {
      return absl::InvalidArgumentError(absl::StrCat(
          paths.back(), ": it goes by `", feedback->metric,
          "` of the evaluations, but there are no test data; give data.test, or leave out metric"));
    }
    if (absl::Status status = CheckDirection(*feedback, trainer->metrics_); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(paths.back(), ": ", status.message()));
    }
    trainer->observing_.push_back(dial);
  }
  for (const NamedNumber& number : trainer->run_->numbers()) {
    trainer->series_.push_back(path(number.name));
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    if (trainer->run_->dials()[i]->name != kStepSize) trainer->series_.push_back(paths[i]);
  }
  trainer->board_ = std::make_unique<DialBoard>(std::move(paths), std::move(dials));
  return trainer;
}

ModelTrainer::ModelTrainer(TrainerOptions options)
    : Trainer(options.agenda, std::move(options.spec)),
      loss_(std::move(options.loss)),
      metrics_(std::move(options.metrics)),
      batches_(std::move(options.batches)),
      test_(std::move(options.test)),
      evaluated_train_(std::move(options.evaluated_train)) {}

absl::StatusOr<Trainer::Boundary> ModelTrainer::Current() {
  absl::StatusOr<ModelRun::View> view = run_->current();
  if (!view.ok()) return view.status();
  index_ = view->index;
  average_ = &view->average;
  averaged_ = average_ != &view->solution;
  weights_ = view->weights;
  const int64_t samples = batches_ ? batches_->SamplesBefore(index_) : 0;
  const int64_t per_epoch = batches_ ? batches_->samples_per_epoch() : 1;
  return Boundary{.index = index_,
                  .value = view->value,
                  .gradient_norm = view->gradient_norm,
                  .step_size = view->step_size,
                  .samples = samples,
                  .epoch = static_cast<double>(samples) / static_cast<double>(per_epoch),
                  .scalars = Scalars()};
}

std::span<const double> ModelTrainer::Scalars() {
  scalars_.clear();
  for (const NamedNumber& number : run_->numbers()) scalars_.push_back(number.value);
  // The starting point was made by no step: there is nothing to say of the dials.
  if (index_ == 0) return scalars_;
  for (const Dial* dial : run_->dials()) {
    if (dial->name != kStepSize) scalars_.push_back(dial->used.value_or(0));
  }
  return scalars_;
}

absl::Status ModelTrainer::Advance() {
  if (!observing_.empty() && agenda_.EvaluationDue(index_)) {
    // Nobody may have asked for the evaluation yet.
    if (absl::StatusOr<EvaluationResult> result = Evaluate(); !result.ok()) return result.status();
  }
  evaluation_.reset();
  estimated_ = false;
  return run_->advance();
}

absl::StatusOr<EvaluationResult> ModelTrainer::Evaluate() {
  if (!test_ || !loss_) {
    return absl::FailedPreconditionError("The job has no test data (data.test).");
  }
  if (!evaluation_) {
    if (!average_) {
      if (absl::StatusOr<Boundary> current = Current(); !current.ok()) return current.status();
    }
    if (absl::Status status = EstimateStates(); !status.ok()) return status;
    absl::StatusOr<EvaluationResult> result = EvaluateOn(*test_);
    if (!result.ok()) return result.status();
    if (evaluated_train_) {
      absl::StatusOr<EvaluationResult> train = EvaluateOn(*evaluated_train_);
      if (!train.ok()) return train.status();
      result->metrics.push_back({absl::StrCat(kTrainPrefix, "loss"), train->loss});
      for (MetricValue& metric : train->metrics) {
        if (!metric.values.empty() || metric.size > 0) continue;
        metric.name = absl::StrCat(kTrainPrefix, metric.name);
        result->metrics.push_back(std::move(metric));
      }
    }
    if (absl::Status status = Tell(*result); !status.ok()) return status;
    evaluation_ = *std::move(result);
  }
  return *evaluation_;
}

absl::StatusOr<EvaluationResult> ModelTrainer::EvaluateOn(const Dataset& data) const {
  EvaluateOptions options{.metrics = metrics_, .weights = weights_};
  if (!data.target_normalization.offset.empty()) {
    options.original = [&](const at::Tensor& values) {
      return Denormalize(data.target_normalization, values);
    };
  }
  return descent::Evaluate(*average_, *loss_, data.inputs, data.targets, options);
}

absl::Status ModelTrainer::EstimateStates() {
  if (!EstimatesStates() || estimated_) return absl::OkStatus();
  if (!estimation_) {
    absl::StatusOr<std::unique_ptr<Batches>> others = batches_->Others();
    if (!others.ok()) return others.status();
    estimation_ = *std::move(others);
  }
  const int64_t count = batches_->per_epoch();
  const absl::Status status =
      descent::EstimateStates(*average_, index_ / count * count, count,
                              [&](int64_t k) -> const Batch& { return estimation_->At(k); });
  estimated_ = status.ok();
  return status;
}

absl::Status ModelTrainer::Tell(const EvaluationResult& evaluation) {
  if (!agenda_.EvaluationDue(index_)) return absl::OkStatus();
  for (Dial* dial : observing_) {
    const std::string& metric = dial->sequence.feedback()->metric;
    const std::optional<double> value = MetricOf(evaluation, metric);
    if (!value) {
      return absl::InvalidArgumentError(absl::StrCat(dial->name, ": it goes by `", metric,
                                                     "`, but the evaluations have no such metric"));
    }
    dial->sequence.Observe(index_, *value);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StopReason>> ModelTrainer::StopReasons(std::optional<double> seconds) {
  absl::StatusOr<ModelRun::View> view = run_->current();
  if (!view.ok()) return view.status();
  std::vector<StopReason> reasons;
  if (stopper_) {
    seconds_ = seconds;
    reasons =
        stopper_->Look(view->index, view->solution, view->value, view->gradient, view->evaluations);
  }
  stillness_.Look(view->index, !view->stuck.empty());
  if (stillness_.lasts(view->objective_changes, agenda_.iterations_per_epoch)) {
    reasons.push_back(
        {.test = "stuck",
         .measured = view->gradient_norm,
         .limit = 0,
         .why = absl::StrCat("no step moves the solution any more",
                             view->stuck.empty() ? "" : ", since ", std::string(view->stuck),
                             " (gradient_norm ", view->gradient_norm, ")")});
  }
  return reasons;
}

std::string ModelTrainer::NonFinite() {
  absl::StatusOr<ModelRun::View> view = run_->current();
  return view.ok() ? NonFiniteText(view->value, view->gradient) : "";
}

RunState ModelTrainer::Snapshot() {
  RunState state = run_->Save();
  if (stopper_) {
    // The tests look at the present iteration once more if they have not yet.
    if (stopper_->state().index != index_) StopReasons(std::nullopt).IgnoreError();
    state.numbers.emplace_back(kSolutionChange, stopper_->state().solution_change);
    state.numbers.emplace_back(kValueChange, stopper_->state().value_change);
  }
  if (stillness_.at() != index_) StopReasons(std::nullopt).IgnoreError();
  stillness_.Save(&state);
  if (average_ && EstimatesStates() && EstimateStates().ok()) {
    for (const Parameter& state_of_average : average_->states()) {
      state.tensors.emplace_back(absl::StrCat(std::string(kAverageStates), state_of_average.name),
                                 state_of_average.tensor);
    }
  }
  return state;
}

absl::Status ModelTrainer::LoadState(int64_t iteration, RunState state) {
  // A run that goes on may have other tests than the one that was saved.
  Stopper<Model>::State changes{.index = iteration};
  std::erase_if(state.numbers, [&](const auto& named) {
    if (named.first == kSolutionChange) changes.solution_change = named.second;
    if (named.first == kValueChange) changes.value_change = named.second;
    return named.first == kSolutionChange || named.first == kValueChange;
  });
  stillness_.Load(iteration, &state);
  // These are estimated again when they are wanted.
  std::erase_if(state.tensors,
                [](const auto& named) { return named.first.starts_with(kAverageStates); });
  if (absl::Status status = run_->Load(state); !status.ok()) return status;
  if (stopper_) stopper_->Restore(changes);
  estimated_ = averaged_ = false;
  evaluation_.reset();
  average_ = nullptr;
  return absl::OkStatus();
}

}  // namespace descent
