// A `Trainer` is one training run, step by step: an optimizer's run over a model or a system of
// several, the batches, the test data, the dials, the checkpoints. Whoever holds it goes from
// boundary to boundary:
//
//   Current()                                  // boundary k; computes x_k, value and gradient
//   if agenda().EvaluationDue(k): Evaluate()
//   if agenda().CheckpointDue(k): Save(…)
//   turn dials()                               // in force for the step to x_{k+1}
//   Advance()
//
// That order is what makes a checkpoint independent of commands at its own iteration. Everything is
// a function of the options and the dials' turns: the same bits every time, also from a checkpoint
// on. No exception leaves it. One thread at a time.
#ifndef DESCENT_CORE_TRAIN_TRAINER_H_
#define DESCENT_CORE_TRAIN_TRAINER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "core/data/batches.h"
#include "core/data/dataset.h"
#include "core/objective/evaluate.h"
#include "core/objective/loss_sum.h"
#include "core/objective/metric.h"
#include "core/optimizer/any_objective.h"
#include "core/optimizer/model_run.h"
#include "core/optimizer/stop_tests.h"
#include "core/train/agenda.h"
#include "core/train/checkpoint.h"
#include "core/train/dial_board.h"

namespace descent {

// The prefix of metrics of the training data.
inline constexpr char kTrainPrefix[] = "train_";

struct TrainerOptions {
  const Model* starting_point = nullptr;  // copied
  OptimizerOptions optimizer;
  std::optional<LossSum> loss = {};
  // The dtype in which the loss on batches and its gradient are computed; by default the model's
  // own.
  std::optional<at::ScalarType> compute_dtype = {};
  std::unique_ptr<Batches> batches = {};
  std::optional<Dataset> test = {};
  // Training data that are evaluated beside the test data, with names that begin with `train_`;
  // metrics of several numbers are left out.
  std::optional<Dataset> evaluated_train = {};
  // What evaluations measure besides the loss, with which the metrics have to go; in the targets'
  // own units.
  std::vector<Metric> metrics = {};
  // What is minimized without data, in place of a loss on batches.
  std::optional<AnyObjective<Model>> objective = {};
  Agenda agenda = {};
  StopTests stop_when = {};
  // Gives the path of a dial or series that the optimizer calls by that name:
  // `optimizer.adam.beta1`. If empty, the path is the name itself.
  std::function<std::string(std::string_view name)> dial_path = {};
  // The text of the spec, which is written into checkpoints.
  std::string spec = {};
};

class Trainer {
 public:
  // What there is to say of iteration k.
  struct Boundary {
    int64_t index;
    double value;
    double gradient_norm;
    // The step size used in the step that produced x_k; a system, which has several, has them among
    // the scalars.
    std::optional<double> step_size;
    int64_t samples;  // examples in the steps so far
    double epoch;     // samples / those of an epoch; 0 without data
    // One number for each of series(), valid until Advance. At index 0, which no step has made,
    // there are none for the dials, which come last.
    std::span<const double> scalars;
  };

  // Gives INVALID_ARGUMENT naming the field if a hyperparameter is out of range, if a sequence goes
  // by evaluations and there are no test data, or if there is nothing to minimize.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(TrainerOptions options);
  virtual ~Trainer() = default;

  // Give INTERNAL, with LibTorch's message, if a step fails; the run stands where it stood.
  virtual absl::StatusOr<Boundary> Current() = 0;
  virtual absl::Status Advance() = 0;

  const Agenda& agenda() const { return agenda_; }
  DialBoard& dials() { return *board_; }
  // The paths of the further numbers of each iteration: what optimizer and objective have to tell,
  // then what the dials were, the step size aside.
  const std::vector<std::string>& series() const { return series_; }

  virtual bool has_test_data() const = 0;
  // Evaluates on the test data at the present iterate, or at its average if the optimizer keeps
  // one; computed once per iteration. Where one is due, the sequences that go by evaluations are
  // told of it, so it must come before the snapshot there. FAILED_PRECONDITION if there are no test
  // data.
  virtual absl::StatusOr<EvaluationResult> Evaluate() = 0;

  // Gives those tests of `stop_when` that hold at the present iterate; and `stuck`, with the
  // reason, if the optimizer, in a system every player's, says that no step moves the solution any
  // more (on data: on none of an epoch's batches, ten at the least). `seconds` is the computing
  // time so far, and none where time is not to decide. Ask at each iteration: some tests compare it
  // with the one before.
  virtual absl::StatusOr<std::vector<StopReason>> StopReasons(std::optional<double> seconds) = 0;

  // Says what of the present value and gradient is NaN or infinite, in words, naming parameters
  // and, in a system, the player; empty if nothing is. It reads the gradient, so ask where a
  // boundary's numbers say so.
  virtual std::string NonFinite() = 0;

  // Gives the state to be saved; take it before dials are turned. Its tensors are the run's own
  // memory: it holds until the next Advance.
  virtual RunState Snapshot() = 0;
  // Writes it, with the iteration and the branch's number, to a file of this path.
  absl::StatusOr<SavedFile> Save(const std::string& path, int64_t branch,
                                 const RunState& snapshot) const;

  // Goes on from a checkpoint: the next Current() gives its iteration again, bit for bit. Returns
  // its iteration. Gives the errors of LoadCheckpoint, and INVALID_ARGUMENT if the checkpoint is
  // one of another model or optimizer.
  absl::StatusOr<int64_t> Load(const std::string& path, const std::string& expected_sha256);

 protected:
  Trainer(const Agenda& agenda, std::string spec) : agenda_(agenda), spec_(std::move(spec)) {}

  // Takes over the state of that iteration.
  virtual absl::Status LoadState(int64_t iteration, RunState state) = 0;

  const Agenda agenda_;
  std::unique_ptr<DialBoard> board_;
  std::vector<std::string> series_;
  int64_t index_ = 0;

 private:
  const std::string spec_;
};

}  // namespace descent

#endif  // DESCENT_CORE_TRAIN_TRAINER_H_
