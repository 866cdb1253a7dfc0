#include "core/train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "core/functions/functions.h"
#include "core/functions/objective.h"
#include "core/functions/vector.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/class_metrics.h"
#include "core/objective/loss_sum.h"
#include "core/objective/metric.h"
#include "core/objective/penalty.h"
#include "core/optimizer/accumulate.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/barzilai_borwein.h"
#include "core/optimizer/clip.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/nonlinear_cg.h"
#include "core/optimizer/sam.h"
#include "core/optimizer/sgd.h"
#include "core/sequence/cosine.h"
#include "core/sequence/plateau.h"

namespace descent {
namespace {

Dataset Examples() {
  Dataset data;
  at::manual_seed(3);
  data.inputs = at::rand({50, 4});
  data.targets = data.inputs.argmax(1);
  data.origin = Origin("examples");
  return data;
}

std::unique_ptr<Trainer> Make(const OptimizerOptions& optimizer, int64_t width = 8,
                              int64_t prefetch = 0) {
  auto built = BuildModel(
      {.root = Sequential{{Linear{.out_features = width}, Relu{}, Linear{.out_features = 4}}},
       .input_shape = {4},
       .seed = 5});
  EXPECT_TRUE(built.ok()) << built.status();
  auto batches = Batches::Create(Examples(), {.batch_size = 8, .seed = 11, .prefetch = prefetch});
  auto trainer = Trainer::Create(
      {.starting_point = &built->model,
       .optimizer = optimizer,
       .loss = cross_entropy(),
       .batches = *std::move(batches),
       .test = Examples(),
       .agenda = {.iterations = 40, .iterations_per_epoch = 7},
       .dial_path = [](std::string_view name) { return "optimizer." + std::string(name); },
       .spec = "the spec"});
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

std::string Folder() {
  const char* given = std::getenv("TEST_TMPDIR");
  std::string name = std::string(given ? given : "/tmp") + "/trainer.XXXXXX";
  return mkdtemp(name.data());
}

// These are value, gradient norm and step size of each iteration.
using Trace = std::map<int64_t, std::vector<double>>;

void Go(Trainer* trainer, int64_t until, Trace* trace) {
  while (true) {
    auto boundary = trainer->Current();
    ASSERT_TRUE(boundary.ok()) << boundary.status();
    (*trace)[boundary->index] = {boundary->value, boundary->gradient_norm,
                                 boundary->step_size.value_or(-1)};
    if (boundary->index == until) return;
    if (boundary->index == 10) {
      ASSERT_TRUE(trainer->dials().Scale(0, 0.5).ok());
    }
    ASSERT_TRUE(trainer->Advance().ok());
  }
}

const std::map<std::string, OptimizerOptions>& Optimizers() {
  static const auto* optimizers = new std::map<std::string, OptimizerOptions>{
      {"adam", Adam{.step_size = cosine(0.05, 40)}},
      {"gradient_descent", GradientDescent{.step_size = 0.2}},
      {"heavy_ball", HeavyBall{.step_size = 0.05}},
      {"nesterov", Nesterov{.step_size = 0.1}}};
  return *optimizers;
}

TEST(Trainer, GoesOnFromACheckpointBitForBit) {
  for (const auto& [name, optimizer] : Optimizers()) {
    const std::string path = Folder() + "/run.safetensors";
    Trace whole, parts;
    auto undisturbed = Make(optimizer);
    Go(undisturbed.get(), 40, &whole);
    const auto expected = undisturbed->Save(path, 1, undisturbed->Snapshot());
    ASSERT_TRUE(expected.ok());
    for (int64_t at : {3, 10, 21}) {
      auto first = Make(optimizer);
      Go(first.get(), at, &parts);
      const auto saved = first->Save(path, 0, first->Snapshot());
      ASSERT_TRUE(saved.ok()) << saved.status();
      auto second = Make(optimizer, 8, /*prefetch=*/1);  // the same bits
      const auto loaded = second->Load(path, saved->sha256);
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      EXPECT_EQ(*loaded, at);
      Go(second.get(), 40, &parts);
      EXPECT_EQ(parts, whole) << name << " from " << at;
      // Parameters, optimizer state and dials are the same bytes.
      EXPECT_EQ(second->Save(path, 1, second->Snapshot())->sha256, expected->sha256) << name;
    }
  }
}

TEST(Trainer, ASnapshotDoesNotSeeTurnsMadeAfterIt) {
  const std::string path = Folder() + "/run.safetensors";
  auto trainer = Make(Adam{});
  Trace trace;
  Go(trainer.get(), 5, &trace);
  const auto before = trainer->Save(path, 0, trainer->Snapshot());
  const RunState snapshot = trainer->Snapshot();
  ASSERT_TRUE(trainer->dials().Set(0, 0.5).ok());
  EXPECT_EQ(trainer->Save(path, 0, snapshot)->sha256, before->sha256);
  EXPECT_NE(trainer->Save(path, 0, trainer->Snapshot())->sha256, before->sha256);
}

TEST(Trainer, RefusesACheckpointOfAnotherModelOrOptimizer) {
  const std::string path = Folder() + "/run.safetensors";
  auto trainer = Make(Adam{});
  ASSERT_TRUE(trainer->Current().ok());
  ASSERT_TRUE(trainer->Save(path, 0, trainer->Snapshot()).ok());
  const auto wider = Make(Adam{}, 9)->Load(path, "").status();
  EXPECT_NE(wider.message().find(path + " is no checkpoint of this job"), absl::string_view::npos)
      << wider;
  EXPECT_FALSE(Make(HeavyBall{.step_size = 0.1})->Load(path, "").ok());
}

TEST(Trainer, SeriesAreTheDialsAndWhatTheOptimizerReports) {
  auto trainer = Make(
      Sam{.radius = 0.1,
          .optimizer = ClipByValue{
              .max_value = 1e-6,
              .optimizer = SkipNonFinite{.optimizer = Sgd{.step_size = 0.1, .momentum = 0.5}}}});
  const std::vector<std::string> expected = {"optimizer.evaluations",
                                             "optimizer.skip_nonfinite.skipped",
                                             "optimizer.clip_by_value.clipped",
                                             "optimizer.sam.sharpness",
                                             "optimizer.momentum",
                                             "optimizer.dampening",
                                             "optimizer.clip_by_value.max_value",
                                             "optimizer.sam.radius"};
  ASSERT_EQ(trainer->series(), expected);
  // No step has used a dial yet.
  const auto start = trainer->Current();
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(std::vector(start->scalars.begin(), start->scalars.end()),
            (std::vector<double>{1, 0, 0, 0}));
  ASSERT_TRUE(trainer->Advance().ok());
  const auto boundary = trainer->Current();
  ASSERT_TRUE(boundary.ok()) << boundary.status();
  const std::vector<double> scalars(boundary->scalars.begin(), boundary->scalars.end());
  ASSERT_EQ(scalars.size(), expected.size());
  EXPECT_EQ(std::vector(scalars.begin(), scalars.begin() + 2), (std::vector<double>{3, 0}));
  EXPECT_GT(scalars[2], 0.5);  // most numbers of the gradient are greater than that
  EXPECT_GT(scalars[3], 0);
  EXPECT_EQ(std::vector(scalars.begin() + 4, scalars.end()),
            (std::vector<double>{0.5, 0, 1e-6, 0.1}));
}

TEST(Trainer, IterationZeroHasThePartsOfTheObjective) {
  auto built = BuildModel({.root = Linear{.out_features = 4}, .input_shape = {4}, .seed = 5});
  auto batches = Batches::Create(Examples(), {.batch_size = 8, .seed = 11});
  auto trainer = Trainer::Create(
      {.starting_point = &built->model,
       .optimizer = Sgd{.step_size = 0.1},
       .loss = LossSum({{"one", cross_entropy(), 0.25}, {"two", cross_entropy(), 0.5}},
                       {MakePenalty(L2Penalty{.weight = 2.0})}),
       .batches = *std::move(batches),
       .agenda = {.iterations = 40, .iterations_per_epoch = 7}});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto start = (*trainer)->Current();
  ASSERT_TRUE(start.ok()) << start.status();
  ASSERT_EQ(start->scalars.size(), 3u);
  EXPECT_EQ((*trainer)->series()[0], "objective.sum.one");
  EXPECT_EQ((*trainer)->series()[2], "objective.penalties.l2");
  EXPECT_GT(start->scalars[2], 0);
  EXPECT_NEAR(start->value,
              0.25 * start->scalars[0] + 0.5 * start->scalars[1] + 2 * start->scalars[2], 1e-6);
}

TEST(Trainer, RefusesAPlateauThatLooksTheWrongWay) {
  auto built = BuildModel({.root = Linear{.out_features = 4}, .input_shape = {4}, .seed = 5});
  const auto status = [&](const std::string& metric, bool maximize) {
    auto batches = Batches::Create(Examples(), {.batch_size = 8, .seed = 11});
    return Trainer::Create({.starting_point = &built->model,
                            .optimizer = Sgd{.step_size = Plateau{.initial = 0.1,
                                                                  .maximize = maximize,
                                                                  .metric = metric}},
                            .loss = cross_entropy(),
                            .batches = *std::move(batches),
                            .test = Examples(),
                            .metrics = {MakeMetric(Accuracy{})},
                            .agenda = {.iterations = 40, .iterations_per_epoch = 7}})
        .status()
        .ToString();
  };
  EXPECT_EQ(status("accuracy", true), "OK");
  EXPECT_EQ(status("loss", false), "OK");
  EXPECT_NE(status("accuracy", false).find("maximize: accuracy grows"), std::string::npos)
      << status("accuracy", false);
  EXPECT_NE(status("loss", true).find("maximize: loss falls"), std::string::npos);
}

TEST(Trainer, APlateauOfAMetricGoesByTheEvaluationsThatAreDue) {
  // The loss of the test data is that of one point each time: the second evaluation is no better.
  auto trainer = Make(
      Sgd{.step_size = Plateau{
              .initial = 1e-30, .factor = 0.5, .patience = 0, .epsilon = 0, .metric = "loss"}});
  std::map<int64_t, double> used;
  for (int64_t k = 0; k <= 22; ++k) {
    const auto boundary = trainer->Current();
    ASSERT_TRUE(boundary.ok()) << boundary.status();
    used[k] = boundary->step_size.value_or(-1);
    if (k == 3) {
      ASSERT_TRUE(trainer->Evaluate().ok());  // on request: counts for nothing
    }
    ASSERT_TRUE(trainer->Advance().ok());
  }
  // An epoch has 7 iterations. The evaluation at 7 is the first, that at 14 is no better, and the
  // lower number is in force from the next step on.
  EXPECT_EQ(used[14], 1e-30);
  EXPECT_EQ(used[15], 0.5e-30);
  EXPECT_EQ(used[21], 0.5e-30);
  EXPECT_EQ(used[22], 0.25e-30);
}

std::unique_ptr<Trainer> MakeBeale(const StopTests& stop_when) {
  auto built = BuildModel({.root = Vector{Beale().start}, .input_shape = {}, .dtype = at::kDouble});
  EXPECT_TRUE(built.ok()) << built.status();
  TrainerOptions options{.starting_point = &built->model,
                         .optimizer = GradientDescent{.step_size = 0.01},
                         .agenda = {.iterations = 5000},
                         .stop_when = stop_when};
  options.objective.emplace(FunctionObjective(Beale()));
  auto trainer = Trainer::Create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

std::unique_ptr<Trainer> MakeBeale(const OptimizerOptions& optimizer) {
  auto built = BuildModel({.root = Vector{Beale().start}, .input_shape = {}, .dtype = at::kDouble});
  EXPECT_TRUE(built.ok()) << built.status();
  TrainerOptions options{
      .starting_point = &built->model, .optimizer = optimizer, .agenda = {.iterations = 5000}};
  options.objective.emplace(FunctionObjective(Beale()));
  auto trainer = Trainer::Create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

TEST(Trainer, StopsWhereTheOptimizerIsStuckAndSaysWhy) {
  for (const OptimizerOptions& optimizer :
       {OptimizerOptions(Lbfgs{}), OptimizerOptions(NonlinearCg{}),
        OptimizerOptions(BarzilaiBorwein{})}) {
    auto trainer = MakeBeale(optimizer);
    std::vector<StopReason> reasons;
    int64_t k = 0;
    for (; k < 1000 && reasons.empty(); ++k) {
      ASSERT_TRUE(trainer->Current().ok());
      reasons = *trainer->StopReasons(std::nullopt);
      if (reasons.empty()) {
        ASSERT_TRUE(trainer->Advance().ok());
      }
    }
    ASSERT_EQ(reasons.size(), 1u);
    EXPECT_EQ(ToSentence(reasons).rfind("stuck: no step moves the solution any more, since ", 0),
              0u)
        << ToSentence(reasons);
    EXPECT_LT(reasons[0].measured, 1e-6);  // the norm of the gradient
    EXPECT_GT(k, 10);
    // If it is asked for again, and after a checkpoint there, it is the same.
    EXPECT_EQ(trainer->StopReasons(std::nullopt)->size(), 1u);
    const std::string path = Folder() + "/run.safetensors";
    ASSERT_TRUE(trainer->Save(path, 0, trainer->Snapshot()).ok());
    auto resumed = MakeBeale(optimizer);
    ASSERT_TRUE(resumed->Load(path, "").ok());
    ASSERT_TRUE(resumed->Current().ok());
    EXPECT_EQ(resumed->StopReasons(std::nullopt)->size(), 1u);
  }
}

// Goes on until a stop test holds, and gives the iteration; −1 if none does.
int64_t Stops(Trainer* trainer) {
  while (true) {
    auto boundary = trainer->Current();
    if (!boundary.ok() || !trainer->StopReasons(std::nullopt)->empty()) return boundary->index;
    if (boundary->index >= 5000 || !trainer->Advance().ok()) return -1;
  }
}

TEST(Trainer, AFunctionNeedsNoData) {
  auto trainer = MakeBeale({});
  const auto boundary = trainer->Current();
  ASSERT_TRUE(boundary.ok()) << boundary.status();
  EXPECT_EQ(boundary->value, 14.203125);
  EXPECT_EQ(boundary->samples, 0);
  EXPECT_EQ(boundary->epoch, 0);
  EXPECT_FALSE(trainer->Evaluate().ok());
}

TEST(Trainer, StopsAtTheSameIterationFromAnyCheckpoint) {
  const StopTests tests{.solution_change = 1e-4, .value_change = 1e-5};
  const std::string path = Folder() + "/run.safetensors";
  auto whole = MakeBeale(tests);
  const int64_t end = Stops(whole.get());
  ASSERT_GT(end, 10);
  for (const int64_t at : {end - 1, end}) {
    auto first = MakeBeale(tests);
    while (first->Current()->index < at) {
      ASSERT_TRUE(first->StopReasons(std::nullopt)->empty());
      ASSERT_TRUE(first->Advance().ok());
    }
    ASSERT_TRUE(first->Save(path, 0, first->Snapshot()).ok());
    auto second = MakeBeale(tests);
    ASSERT_TRUE(second->Load(path, "").ok());
    EXPECT_EQ(Stops(second.get()), end);
    // Tests may change on the way.
    auto other = MakeBeale({.iterations = end + 3});
    ASSERT_TRUE(other->Load(path, "").ok());
    EXPECT_EQ(Stops(other.get()), end + 3);
  }
}

TEST(Trainer, TimeDecidesOnlyWhereItIsTold) {
  auto trainer = MakeBeale({.seconds = 2});
  ASSERT_TRUE(trainer->Current().ok());
  EXPECT_TRUE(trainer->StopReasons(std::nullopt)->empty());
  EXPECT_TRUE(trainer->StopReasons(1.9)->empty());
  const auto reasons = trainer->StopReasons(2.5);
  ASSERT_EQ(reasons->size(), 1u);
  EXPECT_EQ(ToSentence(*reasons), "seconds 2.5 >= 2");
}

TEST(Trainer, EvaluatesThePresentIterate) {
  auto trainer = Make(Adam{.step_size = 0.05});
  ASSERT_TRUE(trainer->Current().ok());
  const auto start = trainer->Evaluate();
  ASSERT_TRUE(start.ok()) << start.status();
  Trace trace;
  Go(trainer.get(), 40, &trace);
  const auto end = trainer->Evaluate();
  EXPECT_LT(end->loss, start->loss);
  EXPECT_EQ(end->examples, 50);
}

}  // namespace
}  // namespace descent
