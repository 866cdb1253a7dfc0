#include "core/train/system_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/train/non_finite.h"
#include "core/train/stillness.h"

namespace descent {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
// What a checkpoint holds of the stop tests.
constexpr char kChange[] = "stop.value_change";

absl::Status CheckStopTests(const StopTests& tests) {
  if (absl::Status status = tests.Validate(); !status.ok()) return status;
  const char* field = tests.solution_change            ? "solution_change"
                      : tests.solution_relative_change ? "solution_relative_change"
                      : tests.gradient_max             ? "gradient_max"
                                                       : nullptr;
  if (field == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": not of a system, which has several solutions; use value_change or gradient_norm"));
}

class SystemTrainer final : public Trainer {
 public:
  SystemTrainer(SystemTrainerOptions options, std::unique_ptr<System> system)
      : Trainer(options.agenda, std::move(options.spec)),
        system_(std::move(system)),
        batches_(std::move(options.batches)),
        test_(std::move(options.test)),
        evaluated_train_(std::move(options.evaluated_train)),
        tests_(options.stop_when) {
    test_.resize(system_->players());
    evaluated_train_.resize(system_->players());
  }

  // Lists dials and series.
  absl::Status List(const SystemTrainerOptions& options);

  absl::StatusOr<Boundary> Current() override;
  absl::Status Advance() override;
  bool has_test_data() const override { return HasAny(test_); }
  absl::StatusOr<EvaluationResult> Evaluate() override;
  absl::StatusOr<std::vector<StopReason>> StopReasons(std::optional<double> seconds) override;
  std::string NonFinite() override;
  RunState Snapshot() override;

 protected:
  absl::Status LoadState(int64_t iteration, RunState state) override;

 private:
  using DataOfPlayers = std::vector<std::optional<Dataset>>;

  static bool HasAny(const DataOfPlayers& data) {
    return std::ranges::any_of(data, [](const auto& one) { return one.has_value(); });
  }
  std::span<const double> Scalars(const System::View& view);
  absl::StatusOr<std::vector<std::optional<double>>> ValuesOn(const DataOfPlayers& data);

  std::unique_ptr<System> system_;
  const std::shared_ptr<Batches> batches_;
  DataOfPlayers test_, evaluated_train_;
  const StopTests tests_;
  std::vector<double> scalars_;
  std::optional<EvaluationResult> evaluation_;
  // These belong to the iteration that StopReasons looked at last.
  int64_t looked_at_ = -1;
  double value_ = kUnknown, value_change_ = kUnknown;
  Stillness stillness_;
};

absl::Status SystemTrainer::List(const SystemTrainerOptions& options) {
  std::vector<std::string> paths;
  std::vector<Settable> settables;
  const auto path = [&](size_t player, const std::string& name) {
    return absl::StrCat(system_->name(player), ".",
                        options.dial_path ? options.dial_path(player, name) : name);
  };
  for (size_t p = 0; p < system_->players(); ++p) {
    series_.push_back(absl::StrCat(system_->name(p), ".value"));
    series_.push_back(absl::StrCat(system_->name(p), ".gradient_norm"));
    for (const NamedNumber& number : system_->run(p).numbers()) {
      series_.push_back(path(p, number.name));
    }
    for (Dial* dial : system_->run(p).dials()) {
      paths.push_back(path(p, dial->name));
      settables.push_back(dial->sequence);
      const Sequence::Feedback* feedback = dial->sequence.feedback();
      if (!feedback || feedback->metric == Sequence::kValue) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(paths.back(), ": it goes by `", feedback->metric,
                       "` of the evaluations, which a system's dials can't; use the metric value"));
    }
  }
  series_.insert(series_.end(), paths.begin(), paths.end());
  board_ = std::make_unique<DialBoard>(std::move(paths), std::move(settables));
  return absl::OkStatus();
}

absl::StatusOr<Trainer::Boundary> SystemTrainer::Current() {
  absl::StatusOr<System::View> view = system_->current();
  if (!view.ok()) return view.status();
  index_ = view->index;
  const int64_t samples = batches_ ? batches_->SamplesBefore(index_) : 0;
  const int64_t per_epoch = batches_ ? batches_->samples_per_epoch() : 1;
  return Boundary{.index = index_,
                  .value = view->value,
                  .gradient_norm = view->gradient_norm,
                  .step_size = std::nullopt,
                  .samples = samples,
                  .epoch = static_cast<double>(samples) / static_cast<double>(per_epoch),
                  .scalars = Scalars(*view)};
}

std::span<const double> SystemTrainer::Scalars(const System::View& view) {
  scalars_.clear();
  for (size_t p = 0; p < system_->players(); ++p) {
    scalars_.push_back(view.players[p].value);
    scalars_.push_back(view.players[p].gradient_norm);
    for (const NamedNumber& number : system_->run(p).numbers()) scalars_.push_back(number.value);
  }
  // As for one model, the starting point was made by no step, so that there is nothing to say of
  // the dials.
  if (index_ == 0) return scalars_;
  for (size_t p = 0; p < system_->players(); ++p) {
    for (const Dial* dial : system_->run(p).dials()) scalars_.push_back(dial->used.value_or(0));
  }
  return scalars_;
}

absl::Status SystemTrainer::Advance() {
  evaluation_.reset();
  return system_->advance();
}

absl::StatusOr<EvaluationResult> SystemTrainer::Evaluate() {
  if (!has_test_data()) {
    return absl::FailedPreconditionError("The job has no test data (data.test).");
  }
  if (evaluation_) return *evaluation_;
  EvaluationResult result;
  const absl::StatusOr<std::vector<std::optional<double>>> values = ValuesOn(test_);
  if (!values.ok()) return values.status();
  for (size_t p = 0; p < system_->players(); ++p) {
    if (test_[p]) result.examples = std::max(result.examples, test_[p]->size());
    if (!(*values)[p]) continue;
    result.loss += *(*values)[p];
    result.metrics.push_back(
        {.name = absl::StrCat(system_->name(p), ".loss"), .value = *(*values)[p]});
  }
  if (HasAny(evaluated_train_)) {
    const absl::StatusOr<std::vector<std::optional<double>>> train = ValuesOn(evaluated_train_);
    if (!train.ok()) return train.status();
    double sum = 0;
    for (const std::optional<double>& value : *train) sum += value.value_or(0);
    result.metrics.push_back({.name = absl::StrCat(kTrainPrefix, "loss"), .value = sum});
    for (size_t p = 0; p < system_->players(); ++p) {
      if (!evaluated_train_[p]) continue;
      result.metrics.push_back({.name = absl::StrCat(system_->name(p), ".", kTrainPrefix, "loss"),
                                .value = *(*train)[p]});
    }
  }
  evaluation_ = std::move(result);
  return *evaluation_;
}

absl::StatusOr<std::vector<std::optional<double>>> SystemTrainer::ValuesOn(
    const DataOfPlayers& data) {
  std::vector<std::pair<at::Tensor, at::Tensor>> tensors(system_->players());
  for (size_t p = 0; p < data.size(); ++p) {
    if (data[p]) tensors[p] = {data[p]->inputs, data[p]->targets};
  }
  return system_->Evaluate(tensors);
}

absl::StatusOr<std::vector<StopReason>> SystemTrainer::StopReasons(std::optional<double> seconds) {
  absl::StatusOr<System::View> view = system_->current();
  if (!view.ok()) return view.status();
  if (view->index != looked_at_) {
    value_change_ = looked_at_ == view->index - 1 ? std::abs(view->value - value_) : value_change_;
    looked_at_ = view->index;
  }
  value_ = view->value;
  int64_t evaluations = 0;
  for (const ModelRun::View& player : view->players) evaluations += player.evaluations;
  std::vector<StopReason> reasons = Holding(tests_, {.index = view->index,
                                                     .value_change = value_change_,
                                                     .value = view->value,
                                                     .gradient_norm = view->gradient_norm,
                                                     .evaluations = evaluations,
                                                     .seconds = seconds});
  // As long as one player moves, the others' objectives change.
  const bool still =
      std::ranges::none_of(view->players, &std::string_view::empty, &ModelRun::View::stuck);
  stillness_.Look(view->index, still);
  const bool changes = std::ranges::any_of(view->players, &ModelRun::View::objective_changes);
  if (still && stillness_.lasts(changes, agenda_.iterations_per_epoch)) {
    std::vector<std::string> why;
    for (size_t p = 0; p < system_->players(); ++p) {
      why.push_back(absl::StrCat(system_->name(p), ": ", std::string(view->players[p].stuck)));
    }
    reasons.push_back({.test = "stuck",
                       .measured = view->gradient_norm,
                       .limit = 0,
                       .why = absl::StrCat("no player moves any more (", absl::StrJoin(why, "; "),
                                           "; gradient_norm ", view->gradient_norm, ")")});
  }
  return reasons;
}

std::string SystemTrainer::NonFinite() {
  absl::StatusOr<System::View> view = system_->current();
  if (!view.ok()) return "";
  std::vector<std::string> players;
  for (size_t p = 0; p < system_->players(); ++p) {
    const std::string text = NonFiniteText(view->players[p].value, view->players[p].gradient);
    if (!text.empty()) players.push_back(absl::StrCat("player ", system_->name(p), ": ", text));
  }
  return absl::StrJoin(players, "; ");
}

RunState SystemTrainer::Snapshot() {
  RunState state = system_->Save();
  // At its beginning nothing has moved yet, and there may be no data to look at.
  if (looked_at_ != index_ && (tests_.any() || index_ > 0)) {
    StopReasons(std::nullopt).IgnoreError();
  }
  if (tests_.any()) state.numbers.emplace_back(kChange, value_change_);
  stillness_.Save(&state);
  return state;
}

absl::Status SystemTrainer::LoadState(int64_t iteration, RunState state) {
  double change = kUnknown;
  std::erase_if(state.numbers, [&](const auto& named) {
    if (named.first == kChange) change = named.second;
    return named.first == kChange;
  });
  stillness_.Load(iteration, &state);
  if (absl::Status status = system_->Load(state); !status.ok()) return status;
  value_change_ = change;
  looked_at_ = iteration;
  evaluation_.reset();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> MakeSystemTrainer(SystemTrainerOptions options) {
  if (absl::Status status = CheckStopTests(options.stop_when); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<System>> system = System::Create(options.system);
  if (!system.ok()) return system.status();
  auto trainer = std::make_unique<SystemTrainer>(options, *std::move(system));
  if (absl::Status status = trainer->List(options); !status.ok()) return status;
  return trainer;
}

}  // namespace descent
