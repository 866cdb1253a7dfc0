// `ModelTrainer` is the trainer of one model: see trainer.h, whose Create makes it.
#ifndef DESCENT_CORE_TRAIN_MODEL_TRAINER_H_
#define DESCENT_CORE_TRAIN_MODEL_TRAINER_H_

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/train/stillness.h"
#include "core/train/trainer.h"

namespace descent {

class ModelTrainer final : public Trainer {
 public:
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(TrainerOptions options);

  absl::StatusOr<Boundary> Current() override;
  absl::Status Advance() override;
  bool has_test_data() const override { return test_.has_value(); }
  absl::StatusOr<EvaluationResult> Evaluate() override;
  absl::StatusOr<std::vector<StopReason>> StopReasons(std::optional<double> seconds) override;
  std::string NonFinite() override;
  RunState Snapshot() override;

 protected:
  absl::Status LoadState(int64_t iteration, RunState state) override;

 private:
  explicit ModelTrainer(TrainerOptions options);

  std::span<const double> Scalars();
  absl::StatusOr<EvaluationResult> EvaluateOn(const Dataset& data) const;
  absl::Status Tell(const EvaluationResult& evaluation);
  // True if the average has running averages of its own, which nothing has trained.
  bool EstimatesStates() const { return averaged_ && batches_ && !average_->states().empty(); }
  // Estimates them once an iteration, by the batches of its epoch.
  absl::Status EstimateStates();

  const std::optional<LossSum> loss_;
  const std::vector<Metric> metrics_;
  const std::shared_ptr<Batches> batches_;  // null without data
  const std::optional<Dataset> test_;
  const std::optional<Dataset> evaluated_train_;
  std::unique_ptr<ModelRun> run_;
  std::optional<Stopper<Model>> stopper_;  // if there are tests
  std::optional<double> seconds_;          // the seconds that StopReasons was told
  Stillness stillness_;
  std::vector<Dial*> observing_;  // those that go by evaluations
  std::vector<double> scalars_;   // the numbers of the present iteration
  const Model* average_ = nullptr;
  bool averaged_ = false;                       // whether the average is not the solution
  bool estimated_ = false;                      // whether the average's states are estimated
  std::unique_ptr<Batches> estimation_;         // made when it is needed
  std::span<const double> weights_;             // the weights of the loss's parts
  std::optional<EvaluationResult> evaluation_;  // that of the present iteration
};

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_MODEL_TRAINER_H_
