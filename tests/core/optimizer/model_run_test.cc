#include "core/optimizer/model_run.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/sgd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/every_optimizer.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Model SmallModel() {
  return BuildModel(
             {.root = Sequential{{Linear{.out_features = 7}, Relu{}, Linear{.out_features = 3}}},
              .input_shape = {5},
              .seed = 4})
      ->model;
}

// Has a fresh batch in each iteration, which is a function of the iteration alone.
SupervisedObjective Noise() {
  return SupervisedObjective(cross_entropy(), [](int64_t iteration) {
    at::Generator generator = at::detail::createCPUGenerator(100 + iteration);
    return Batch{at::randn({8, 5}, generator, at::kFloat),
                 at::randint(3, {8}, generator, at::kLong)};
  });
}

std::unique_ptr<ModelRun> MakeRun(const OptimizerOptions& options) {
  auto run = ModelRun::Create(options, SmallModel(), Noise());
  if (!run.ok()) throw std::logic_error(run.status().ToString());
  return *std::move(run);
}

// Makes a copy that owns its memory, as a checkpoint would.
RunState Detached(RunState state) {
  for (auto& [name, tensor] : state.tensors) tensor = tensor.clone();
  return state;
}

// Compares bit for bit.
void ExpectSame(const RunState& a, const RunState& b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].first, b.tensors[i].first);
    EXPECT_TRUE(at::equal(a.tensors[i].second, b.tensors[i].second)) << a.tensors[i].first;
  }
  EXPECT_EQ(a.numbers, b.numbers);
  EXPECT_EQ(a.integers, b.integers);
}

Settable DialOf(ModelRun& run, const std::string& name) {
  for (const Dial* dial : run.dials()) {
    if (dial->name == name) return dial->sequence;
  }
  throw std::logic_error("no dial " + name);
}

class ModelRunTest : public testing::TestWithParam<NamedOptimizer> {
 protected:
  std::unique_ptr<ModelRun> Make() const { return MakeRun(GetParam().options); }
};

INSTANTIATE_TEST_SUITE_P(Optimizers, ModelRunTest, testing::ValuesIn(EveryOptimizer()),
                         [](const auto& info) { return info.param.name; });

// Turns dials as people would, at fixed iterations.
void TurnDials(ModelRun& run, int64_t index) {
  const absl::Status status = index == 5    ? run.dials().front()->sequence.scale(0.5)
                              : index == 15 ? run.dials().back()->sequence.scale(0.9)
                                            : absl::OkStatus();
  ASSERT_TRUE(status.ok()) << status;
  if (index == 25) run.dials().front()->sequence.release();
}

TEST_P(ModelRunTest, BeginsAtACopyOfTheStartingPoint) {
  Model x0 = SmallModel();
  const Model before = copy(x0);
  auto run = ModelRun::Create(GetParam().options, x0, Noise());
  ASSERT_TRUE(run.ok()) << run.status();
  const auto first = (*run)->current();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->index, 0);
  EXPECT_FALSE(first->step_size.has_value());
  EXPECT_EQ(norm(first->solution - before), 0);
  EXPECT_EQ(norm(first->average - before), 0);
  x0 *= 2;
  for (int k = 0; k < 5; ++k) ASSERT_TRUE((*run)->advance().ok());
  const auto later = (*run)->current();
  ASSERT_TRUE(later.ok()) << later.status();
  const double moved = norm(later->solution - before);
  EXPECT_GT(moved, 0);
  EXPECT_TRUE(std::isfinite(moved));
  EXPECT_EQ(norm(x0 - 2 * before), 0);
}

TEST_P(ModelRunTest, GoesOnBitForBitFromAnySavedIteration) {
  constexpr int64_t kLast = 100;
  std::vector<RunState> saved;
  std::vector<double> values, norms;
  std::vector<std::optional<double>> step_sizes;
  auto run = Make();
  for (int64_t k = 0; k <= kLast; ++k) {
    const auto it = run->current();
    ASSERT_TRUE(it.ok()) << it.status();
    ASSERT_EQ(it->index, k);
    values.push_back(it->value);
    norms.push_back(it->gradient_norm);
    step_sizes.push_back(it->step_size);
    saved.push_back(Detached(run->Save()));
    TurnDials(*run, k);
    ASSERT_TRUE(run->advance().ok());
  }
  for (const int64_t from : {6, 53}) {
    auto resumed = Make();
    ASSERT_TRUE(resumed->Load(saved[from]).ok());
    for (int64_t k = from; k <= kLast; ++k) {
      const auto it = resumed->current();
      ASSERT_TRUE(it.ok()) << it.status();
      ASSERT_EQ(it->index, k);
      EXPECT_EQ(it->value, values[k]) << "iteration " << k << " from " << from;
      EXPECT_EQ(it->gradient_norm, norms[k]);
      EXPECT_EQ(it->step_size, step_sizes[k]);
      TurnDials(*resumed, k);
      if (k < kLast) {
        ASSERT_TRUE(resumed->advance().ok());
      }
    }
    ExpectSame(resumed->Save(), saved[kLast]);
  }
}

TEST_P(ModelRunTest, AStateThatDoesNotFitChangesNothing) {
  auto run = Make();
  ASSERT_TRUE(run->advance().ok());
  ASSERT_TRUE(run->current().ok());
  const RunState before = Detached(run->Save());
  const auto expect_refused = [&](const RunState& state, const std::string& part) {
    EXPECT_THAT(run->Load(state).ToString(), HasSubstr(part));
    ExpectSame(run->Save(), before);
  };

  RunState state = before;
  state.tensors.pop_back();
  expect_refused(state, before.tensors.back().first + "` is missing");
  state = before;
  state.tensors[0].second = at::ones({2, 2});
  expect_refused(state, "has the shape [2, 2] where the model has [7, 5]");
  state = before;
  state.tensors[0].second = state.tensors[0].second.to(at::kDouble);
  expect_refused(state, "another dtype");
  state = before;
  state.numbers.emplace_back("whatever", 1.0);
  expect_refused(state, "`whatever` is not part");
  state = before;
  state.integers[0].second = -1;
  expect_refused(state, "negative");
  state = before;
  for (auto& [name, integer] : state.integers) {
    if (name == "step_size.overridden" || name == "iteration") integer = 1;
  }
  bool has_step_size = false;
  for (auto& [name, number] : state.numbers) {
    if (name != "step_size.override") continue;
    number = -1;
    has_step_size = true;
  }
  if (has_step_size) expect_refused(state, "step_size");
}

TEST_P(ModelRunTest, ADialsUsedValueIsThatOfTheStepThatLedHere) {
  auto run = Make();
  if (run->dials().front()->name != "step_size") GTEST_SKIP() << "no step size";
  ASSERT_TRUE(run->current().ok());
  EXPECT_FALSE(run->dials()[0]->used.has_value());
  Settable step_size = DialOf(*run, "step_size");
  ASSERT_TRUE(step_size.set(0.03).ok());
  EXPECT_FALSE(step_size.set(-1).ok());
  EXPECT_FALSE(step_size.set(std::numeric_limits<double>::quiet_NaN()).ok());
  ASSERT_TRUE(run->advance().ok());
  EXPECT_FALSE(run->dials()[0]->used.has_value());
  EXPECT_EQ(run->current()->step_size, 0.03);
  EXPECT_EQ(run->dials()[0]->used, 0.03);
}

TEST(ModelRunDialsTest, AreTheSequencesOfTheOptimizer) {
  const auto names = [](const OptimizerOptions& options) {
    std::vector<std::string> names;
    const auto run = MakeRun(options);
    for (const Dial* dial : run->dials()) names.push_back(dial->name);
    return names;
  };
  EXPECT_THAT(names(GradientDescent{.step_size = 1}), ElementsAre("step_size"));
  EXPECT_THAT(names(HeavyBall{.step_size = 1}), ElementsAre("step_size", "momentum"));
  EXPECT_THAT(names(Nesterov{.step_size = 1}), ElementsAre("step_size", "momentum"));
  EXPECT_THAT(names(Adam{}), ElementsAre("step_size", "beta1", "beta2"));
  EXPECT_THAT(names(Grouped{.optimizer = Sgd{},
                            .groups = {{.name = "bias",
                                        .pattern = "*.bias",
                                        .values = {{"step_size", Sequence(1)}}}}}),
              ElementsAre("step_size", "momentum", "dampening", "groups.bias.step_size"));
}

TEST(ModelRunGroupsTest, AreRangesWithHyperparametersOfTheirOwn) {
  const auto solution = [](const OptimizerOptions& options, double step_size) {
    auto run = MakeRun(options);
    EXPECT_TRUE(run->dials().front()->sequence.set(step_size).ok());
    for (int k = 0; k < 4; ++k) EXPECT_TRUE(run->advance().ok());
    return copy(run->current()->solution);
  };

  const Grouped grouped{
      .optimizer = Sgd{.step_size = 0.1},
      .groups = {{.name = "last", .pattern = "2.*", .frozen = true},
                 {.name = "bias", .pattern = "*.bias", .values = {{"step_size", Sequence(0.0)}}}}};
  const Model x0 = SmallModel(), x = solution(grouped, 0.3);
  for (size_t i = 0; i < 4; ++i) {
    const std::string& name = x.parameters()[i].name;
    EXPECT_EQ(at::equal(x.parameters()[i].tensor, x0.parameters()[i].tensor), name != "0.weight")
        << name;
  }
  // What a group does not set follows the dial of the whole.
  const Grouped inheriting{
      .optimizer = Sgd{.step_size = 0.1},
      .groups = {{.name = "bias", .pattern = "*.bias", .values = {{"momentum", Sequence(0.0)}}}}};
  EXPECT_EQ(norm(solution(inheriting, 0.3) - solution(Sgd{.step_size = 0.1}, 0.3)), 0);
}

TEST(ModelRunErrorTest, WrongHyperparametersAreRefusedByName) {
  const auto status = [](const OptimizerOptions& options) {
    return ModelRun::Create(options, SmallModel(), Noise()).status();
  };
  EXPECT_THAT(status(GradientDescent{.step_size = -1}).ToString(), HasSubstr("step_size"));
  EXPECT_THAT(status(HeavyBall{.step_size = 1, .momentum = 1}).ToString(), HasSubstr("momentum"));
  EXPECT_THAT(status(Adam{.epsilon = -1}).ToString(), HasSubstr("epsilon"));
}

TEST(ModelRunErrorTest, AnObjectiveThatFailsComesBackAsAStatus) {
  auto run =
      ModelRun::Create(Adam{}, SmallModel(), SupervisedObjective(cross_entropy(), [](int64_t) {
                         return Batch{at::ones({8, 9}), at::ones({8}, at::kLong)};
                       }));
  ASSERT_TRUE(run.ok());
  EXPECT_FALSE((*run)->current().ok());
  EXPECT_FALSE((*run)->advance().ok());
}

TEST(ModelRunErrorTest, TheStartingPointIsLeftAlone) {
  const Model x0 = SmallModel(), before = copy(x0);
  auto run = ModelRun::Create(Adam{.step_size = 0.1}, x0, Noise());
  for (int k = 0; k < 3; ++k) ASSERT_TRUE((*run)->advance().ok());
  EXPECT_GT(norm((*run)->current()->solution - x0), 0.1);
  EXPECT_EQ(norm(x0 - before), 0);
}

}  // namespace
}  // namespace descent
