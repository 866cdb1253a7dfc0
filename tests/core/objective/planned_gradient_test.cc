#include "core/objective/planned_gradient.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "core/data/batch.h"
#include "core/model/flatten.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "core/objective/huber.h"
#include "core/objective/loss.h"
#include "core/objective/loss_sum.h"
#include "core/objective/mean_squared_error.h"
#include "core/objective/penalty.h"
#include "core/objective/supervised_objective.h"
#include "core/space/space.h"
#include "gtest/gtest.h"
#include "tests/core/plan/allocations.h"

namespace descent {
namespace {

Model Mlp(at::ScalarType dtype, uint64_t seed = 1) {
  auto built = BuildModel({.root = Sequential{{Flatten{}, Linear{.out_features = 7}, Relu{},
                                               Linear{.out_features = 5, .bias = false}, Relu{},
                                               Linear{.out_features = 3}}},
                           .input_shape = {2, 4},
                           .dtype = dtype,
                           .seed = seed});
  return std::move(built->model);
}

Batch Classes(at::ScalarType dtype, int64_t rows) {
  return {at::randn({rows, 2, 4}, dtype), at::randint(0, 3, {rows}, at::kLong)};
}

SupervisedObjective Of(Loss loss, Batch batch) {
  return {std::move(loss), [batch = std::move(batch)](int64_t) { return batch; }};
}

Loss WithoutPlan(Loss loss) {
  loss.plan = nullptr;
  return loss;
}

void ExpectAgrees(const SupervisedObjective& objective, const Model& x, double tolerance) {
  SupervisedObjective planned = objective;
  SupervisedObjective recorded(WithoutPlan(objective.loss().terms[0].loss),
                               [batch = objective.batch()](int64_t) { return batch; });
  const auto [g, value] = gradient(planned, x);
  const auto [expected, expected_value] = gradient(recorded, x);
  EXPECT_NEAR(value, expected_value, tolerance * std::abs(expected_value));
  EXPECT_GT(norm(expected), 0);
  EXPECT_LE(norm(g - expected), tolerance * norm(expected));
}

TEST(PlannedGradientTest, IsThatOfAutograd) {
  for (const auto& [dtype, tolerance] :
       {std::pair{at::kDouble, 1e-12}, std::pair{at::kFloat, 1e-5}}) {
    const Model x = Mlp(dtype);
    SupervisedObjective classes = Of(cross_entropy(), Classes(dtype, 9));
    classes.seek(0);
    ExpectAgrees(classes, x, tolerance);
    SupervisedObjective values =
        Of(mean_squared_error(), {at::randn({9, 2, 4}, dtype), at::randn({9, 3}, dtype)});
    values.seek(0);
    ExpectAgrees(values, x, tolerance);
  }
}

TEST(PlannedGradientTest, LargeScoresAndIgnoredTargetsAreThoseOfAutograd) {
  const Model x = 300 * Mlp(at::kFloat);
  Batch batch = Classes(at::kFloat, 40);
  batch.targets[3] = -100;
  SupervisedObjective objective = Of(cross_entropy(), batch);
  objective.seek(0);
  ExpectAgrees(objective, x, 1e-5);
}

TEST(PlannedGradientTest, AnIterationAllocatesNothing) {
  std::vector<Batch> batches = {Classes(at::kFloat, 16), Classes(at::kFloat, 5)};
  SupervisedObjective objective(cross_entropy(), [&](int64_t k) { return batches[k % 2]; });
  Model x = Mlp(at::kFloat), y = Mlp(at::kFloat, 2), g = zeros_like(x);
  const auto go = [&](int64_t k) {
    objective.seek(k);
    return gradient_into(objective, k % 3 == 0 ? x : y, g);
  };
  for (int64_t k = 0; k < 6; ++k) go(k);
  const int64_t before = Allocations();
  double sum = 0;
  for (int64_t k = 6; k < 106; ++k) sum += go(k);
  EXPECT_EQ(Allocations() - before, 0);
  EXPECT_GT(sum, 0);
  const int64_t counted = Allocations();
  std::make_unique<std::vector<int>>(100)->at(7) = 1;
  EXPECT_EQ(Allocations() > counted, CountsAllocations());
}

TEST(PlannedGradientTest, NorDoesOneOfASumWithPenalties) {
  const Batch batch{at::randn({9, 2, 4}), at::randn({9, 3})};
  SupervisedObjective objective(
      LossSum({{"near", Huber{}, 0.5}, {"far", MeanSquaredError{}, 2.0}},
              {MakePenalty(L1Penalty{0.1, "*"}), MakePenalty(L2Penalty{0.1, "*.weight"}),
               MakePenalty(GroupPenalty{0.1, "*"})}),
      [&](int64_t) { return batch; });
  const Model x = Mlp(at::kFloat);
  Model g = zeros_like(x);
  double sum = gradient_into(objective, x, g);
  const int64_t before = Allocations();
  for (int64_t k = 1; k < 100; ++k) {
    objective.seek(k);
    sum += gradient_into(objective, x, g);
  }
  EXPECT_EQ(Allocations() - before, 0);
  EXPECT_GT(sum, 0);
}

TEST(PlannedGradientTest, FollowsTheModelItIsGiven) {
  SupervisedObjective objective = Of(cross_entropy(), Classes(at::kDouble, 6));
  const Model first = Mlp(at::kDouble, 1), second = Mlp(at::kDouble, 2);
  const auto [g1, value1] = gradient(objective, first);
  const auto [g2, value2] = gradient(objective, second);
  EXPECT_GT(norm(g1 - g2), 0.01 * norm(g1));
  Model moved = copy(second);
  moved = copy(first);
  const Model taken = std::move(moved);
  const auto [g3, value3] = gradient(objective, taken);
  EXPECT_EQ(value3, value1);
  EXPECT_EQ(norm(g3 - g1), 0);
  assign(second, const_cast<Model&>(taken));
  EXPECT_EQ(gradient(objective, taken).value, value2);
}

TEST(PlannedGradientTest, IsTheSameBitsInAnotherObjectAndAfterOtherBatches) {
  const Batch large = Classes(at::kFloat, 33), small = Classes(at::kFloat, 8);
  const Model x = Mlp(at::kFloat);
  SupervisedObjective mixed(cross_entropy(), [&](int64_t k) { return k % 2 ? small : large; });
  SupervisedObjective fresh = Of(cross_entropy(), large);
  for (const int64_t k : {1, 0, 1}) {
    mixed.seek(k);
    gradient(mixed, x);
  }
  mixed.seek(2);
  const auto [g, value] = gradient(mixed, x);
  const auto [expected, expected_value] = gradient(fresh, x);
  EXPECT_EQ(value, expected_value);
  EXPECT_EQ(norm(g - expected), 0);
}

TEST(PlannedGradientTest, ATargetOutOfRangeIsRefused) {
  Batch batch = Classes(at::kFloat, 4);
  batch.targets[2] = 3;
  SupervisedObjective objective = Of(cross_entropy(), batch);
  EXPECT_THROW(gradient(objective, Mlp(at::kFloat)), std::invalid_argument);
}

TEST(PlannedGradientTest, NanStaysNan) {
  Batch batch = Classes(at::kFloat, 4);
  batch.inputs[1][0][0] = std::nan("");
  SupervisedObjective objective = Of(cross_entropy(), batch);
  EXPECT_TRUE(std::isnan(gradient(objective, Mlp(at::kFloat)).value));
}

TEST(PlannedGradientTest, InputsThatAreNotContiguousAreRead) {
  const Model x = Mlp(at::kDouble);
  const Batch batch{at::randn({2, 4, 6}, at::kDouble).permute({2, 0, 1}),
                    at::randint(0, 3, {6}, at::kLong)};
  SupervisedObjective objective = Of(cross_entropy(), batch);
  objective.seek(0);
  ExpectAgrees(objective, x, 1e-12);
}

}  // namespace
}  // namespace descent
