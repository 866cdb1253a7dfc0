// Tests weighted sums of losses, penalties, and their weights as dials of a run.
#include "core/objective/loss_sum.h"

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/randn.h"
#include "core/data/batch.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/huber.h"
#include "core/objective/loss.h"
#include "core/objective/mean_absolute_error.h"
#include "core/objective/mean_squared_error.h"
#include "core/objective/penalty.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/model_run.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Model Mlp(at::ScalarType dtype = at::kDouble) {
  return std::move(
      BuildModel({.root = Sequential{{LayerOptions("hidden", Linear{.out_features = 7}), Relu{},
                                      LayerOptions("out", Linear{.out_features = 3})}},
                  .input_shape = {4},
                  .dtype = dtype,
                  .seed = 2})
          ->model);
}

SupervisedObjective Of(LossSum loss, at::ScalarType dtype = at::kDouble) {
  at::manual_seed(8);
  const Batch batch{at::randn({9, 4}, dtype), at::randn({9, 3}, dtype)};
  return {std::move(loss), [batch](int64_t) { return batch; }};
}

LossSum WithoutPlans(LossSum loss) {
  for (LossTerm& term : loss.terms) term.loss.plan = nullptr;
  return loss;
}

LossSum Everything() {
  return LossSum({{"near", Huber{.delta = 0.3}, 0.7}, {"far", MeanAbsoluteError{}, 2.5}},
                 {MakePenalty(L1Penalty{0.01, "*"}), MakePenalty(L2Penalty{0.2, "hidden.*"}),
                  MakePenalty(GroupPenalty{0.03, "*.weight"})});
}

TEST(LossSumTest, TheGradientIsTheWeightedSumOfTheTerms) {
  const Model x = Mlp();
  const auto [huber, huber_value] = gradient(Of(Huber{.delta = 0.3}), x);
  const auto [absolute, absolute_value] = gradient(Of(MeanAbsoluteError{}), x);
  SupervisedObjective sum =
      Of(LossSum({{"near", Huber{.delta = 0.3}, 0.7}, {"far", MeanAbsoluteError{}, 2.5}}));
  const auto [g, value] = gradient(sum, x);
  const Model expected = 0.7 * huber + 2.5 * absolute;
  EXPECT_NEAR(value, 0.7 * huber_value + 2.5 * absolute_value, 1e-13);
  EXPECT_LE(norm(g - expected), 1e-13 * norm(expected));
  EXPECT_EQ(sum.values()[0], huber_value);
  EXPECT_EQ(sum.values()[1], absolute_value);
}

TEST(LossSumTest, PlanAndAutogradAgreeWithPenaltiesToo) {
  for (const auto& [dtype, tolerance] :
       {std::pair{at::kDouble, 1e-12}, std::pair{at::kFloat, 1e-5}}) {
    const Model x = Mlp(dtype);
    SupervisedObjective planned = Of(Everything(), dtype);
    SupervisedObjective recorded = Of(WithoutPlans(Everything()), dtype);
    // All of it is computed by autograd, the penalties too.
    const auto [expected, expected_value] =
        gradient([&](const Model& m) { return recorded(m); }, x);
    for (SupervisedObjective* objective : {&planned, &recorded}) {
      const auto [g, value] = gradient(*objective, x);
      EXPECT_NEAR(value, expected_value, tolerance * expected_value);
      EXPECT_LE(norm(g - expected), tolerance * norm(expected));
    }
    for (size_t i = 0; i < planned.values().size(); ++i) {
      EXPECT_NEAR(planned.values()[i], recorded.values()[i], tolerance);
    }
  }
}

TEST(LossSumTest, PenaltiesAgreeWithCentralDifferences) {
  Model x = Mlp();
  SupervisedObjective objective = Of(Everything());
  const auto [g, value] = gradient(objective, x);
  Model differences = zeros_like(x), unused = zeros_like(x);
  const double h = 1e-6;
  for (size_t p = 0; p < x.parameters().size(); ++p) {
    double* numbers = x.parameters()[p].tensor.mutable_data_ptr<double>();
    for (int64_t i = 0; i < x.parameters()[p].tensor.numel(); ++i) {
      const double number = numbers[i];
      numbers[i] = number + h;
      const double above = gradient_into(objective, x, unused);
      numbers[i] = number - h;
      const double below = gradient_into(objective, x, unused);
      numbers[i] = number;
      differences.parameters()[p].tensor.mutable_data_ptr<double>()[i] = (above - below) / (2 * h);
    }
  }
  EXPECT_LE(norm(g - differences), 1e-6 * norm(g));
}

TEST(LossSumTest, PenaltiesAreTheirFormulas) {
  const Model x = Mlp();
  SupervisedObjective objective =
      Of(LossSum({{"loss", MeanSquaredError{}}},
                 {MakePenalty(L1Penalty{0.0, "out.*"}), MakePenalty(L2Penalty{0.0, "*"}),
                  MakePenalty(GroupPenalty{0.0, "*"})}));
  gradient(objective, x);
  double l1 = 0, group = 0;
  for (const Parameter& p : x.parameters()) {
    if (p.name.starts_with("out.")) l1 += p.tensor.abs().sum().item<double>();
    group += std::sqrt(static_cast<double>(p.tensor.numel())) * p.tensor.norm().item<double>();
  }
  EXPECT_NEAR(objective.values()[1], l1, 1e-13);
  EXPECT_NEAR(objective.values()[2], dot(x, x) / 2, 1e-13);
  EXPECT_NEAR(objective.values()[3], group, 1e-12);
}

TEST(LossSumTest, AtZeroPenaltiesHaveNoDerivative) {
  const Model zero = zeros_like(Mlp());
  SupervisedObjective plain = Of(MeanSquaredError{});
  SupervisedObjective penalized =
      Of(LossSum({{"loss", MeanSquaredError{}}},
                 {MakePenalty(L1Penalty{1.0, "*"}), MakePenalty(L2Penalty{1.0, "*"}),
                  MakePenalty(GroupPenalty{1.0, "*"})}));
  EXPECT_EQ(norm(gradient(plain, zero).gradient - gradient(penalized, zero).gradient), 0);
}

TEST(LossSumTest, APatternThatFitsNothingIsRefused) {
  const LossSum loss({{"loss", MeanSquaredError{}}}, {MakePenalty(L1Penalty{1.0, "hiden.*"})});
  EXPECT_THAT(CheckPenalties(loss.penalties, Mlp().parameters()).ToString(),
              HasSubstr("penalties[0].l1: no parameter fits \"hiden.*\""));
  SupervisedObjective objective = Of(loss);
  EXPECT_THROW(gradient(objective, Mlp()), std::invalid_argument);
}

TEST(LossSumTest, PartsAndWeightsHaveNames) {
  LossSum loss = Everything();
  loss.penalties.push_back(MakePenalty(L2Penalty{0.1, "out.*"}));
  EXPECT_THAT(loss.part_names(),
              ElementsAre("objective.sum.near", "objective.sum.far", "objective.penalties.l1",
                          "objective.penalties.l2", "objective.penalties.group",
                          "objective.penalties.l2_2"));
  EXPECT_EQ(loss.weights().back().range.field, "objective.penalties.l2_2.weight");
  EXPECT_TRUE(LossSum(Huber{}).plain());
  EXPECT_TRUE(LossSum(Huber{}).weights().empty());
  EXPECT_TRUE(loss.Validate().ok());
  loss.terms[1].weight = -1.0;
  EXPECT_THAT(loss.Validate().ToString(), HasSubstr("objective.sum.far.weight: -1 is negative"));
  loss.terms[1].name = "near";
  EXPECT_THAT(loss.Validate().ToString(), HasSubstr("two terms of the sum are called `near`"));
}

TEST(LossSumTest, WeightsFollowTheirSequences) {
  const Sequence growing([](int64_t k) { return 1.0 + static_cast<double>(k); });
  SupervisedObjective sum = Of(LossSum({{"only", MeanSquaredError{}, growing}}));
  const Model x = Mlp();
  const double plain = gradient(Of(MeanSquaredError{}), x).value;
  for (const int64_t k : {0, 4, 1}) {
    sum.seek(k);
    EXPECT_NEAR(gradient(sum, x).value, static_cast<double>(k + 1) * plain, 1e-12);
  }
}

std::unique_ptr<ModelRun> Start(double weight) {
  auto run = ModelRun::Create(
      GradientDescent{.step_size = 0.1}, Mlp(),
      Of(LossSum({{"loss", MeanSquaredError{}}}, {MakePenalty(L2Penalty{weight, "*"})})));
  EXPECT_TRUE(run.ok()) << run.status();
  return *std::move(run);
}

TEST(LossSumTest, ATurnedWeightIsInForceForTheVeryNextStep) {
  const std::unique_ptr<ModelRun> turned = Start(0.5), other = Start(0.25);
  ASSERT_EQ(turned->dials().size(), 2u);
  EXPECT_EQ(turned->dials()[1]->name, "objective.penalties.l2.weight");
  const double before = turned->current()->value;
  ASSERT_TRUE(turned->dials()[1]->sequence.set(0.25).ok());
  EXPECT_EQ(turned->current()->value, before);  // iteration 0 has been told
  EXPECT_FALSE(turned->dials()[1]->used.has_value());
  for (ModelRun* run : {turned.get(), other.get()}) ASSERT_TRUE(run->advance().ok());
  const auto a = turned->current(), b = other->current();
  EXPECT_EQ(a->value, b->value);
  EXPECT_EQ(norm(a->solution - b->solution), 0);
  EXPECT_EQ(turned->dials()[1]->used, 0.25);
  EXPECT_FALSE(turned->dials()[1]->sequence.set(-1).ok());
  ASSERT_EQ(turned->numbers().size(), 2u);
  EXPECT_EQ(turned->numbers()[0].name, "objective.loss");
  EXPECT_EQ(turned->numbers()[1].name, "objective.penalties.l2");
  EXPECT_NEAR(turned->numbers()[0].value + 0.25 * turned->numbers()[1].value, a->value, 1e-13);
}

TEST(LossSumTest, ASavedRunGoesOnWithItsWeights) {
  const std::unique_ptr<ModelRun> run = Start(0.5), loaded = Start(0.5);
  ASSERT_TRUE(run->current().ok());
  ASSERT_TRUE(run->dials()[1]->sequence.set(0.125).ok());
  for (int k = 0; k < 3; ++k) ASSERT_TRUE(run->advance().ok() && run->current().ok());
  RunState state = run->Save();
  for (auto& [name, tensor] : state.tensors) tensor = tensor.clone();
  ASSERT_TRUE(loaded->Load(state).ok());
  for (int k = 0; k < 3; ++k) {
    const auto a = run->current(), b = loaded->current();
    EXPECT_EQ(a->value, b->value);
    EXPECT_EQ(norm(a->solution - b->solution), 0);
    ASSERT_TRUE(run->advance().ok() && loaded->advance().ok());
  }
}

// Any callable is an objective, and so is one around another.
TEST(LossSumTest, OnesOwnCallableAddsToASupervisedObjective) {
  const Model x = Mlp();
  SupervisedObjective supervised = Of(Everything());
  const auto own = [](const Model& m) {
    return m.parameters()[0].tensor.square().square().sum() * 0.1;
  };
  const auto both = [&](const Model& m) { return supervised(m) + own(m); };
  const auto [g, value] = gradient(both, x);
  const auto [g1, value1] = gradient(supervised, x);
  const auto [g2, value2] = gradient(own, x);
  EXPECT_NEAR(value, value1 + value2, 1e-12);
  EXPECT_LE(norm(g - (g1 + g2)), 1e-12 * norm(g));
  auto run = GradientDescent{.step_size = 0.01}(x, both);
  const double first = run.Current().value;
  for (int k = 0; k < 20; ++k) run.Advance();
  EXPECT_LT(run.Current().value, first);
}

}  // namespace
}  // namespace descent
