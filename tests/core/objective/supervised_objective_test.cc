#include "core/objective/supervised_objective.h"

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/cross_entropy_loss.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/objective/class_metrics.h"
#include "core/objective/evaluate.h"
#include "core/objective/gradient.h"
#include "core/objective/loss.h"
#include "core/objective/metric.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

Model Classifier(int64_t in = 4, int64_t classes = 3) {
  return BuildModel({.root = Linear{.out_features = classes}, .input_shape = {in}, .seed = 1})
      ->model;
}

static_assert(Objective<SupervisedObjective, Model> && StochasticObjective<SupervisedObjective>);

TEST(SupervisedObjectiveTest, TheBatchIsThatOfTheIteration) {
  std::vector<int64_t> asked;
  SupervisedObjective objective(mean_squared_error(), [&](int64_t iteration) {
    asked.push_back(iteration);
    return Batch{at::ones({2, 4}), at::full({2, 3}, static_cast<double>(iteration))};
  });
  const Model zero = zeros_like(Classifier());
  EXPECT_EQ(objective(zero).item<double>(), 0);
  objective.seek(3);
  EXPECT_EQ(objective(zero).item<double>(), 9);
  objective.seek(3);
  EXPECT_EQ(objective(zero).item<double>(), 9);
  SupervisedObjective copy = objective;
  copy.seek(1);
  EXPECT_EQ(copy(zero).item<double>(), 1);
  EXPECT_EQ(objective(zero).item<double>(), 9);
  EXPECT_THAT(asked, testing::ElementsAre(0, 3, 1));
}

TEST(SupervisedObjectiveTest, CrossEntropyIsLibTorchs) {
  const at::Tensor scores = at::randn({16, 5}), classes = at::randint(5, {16}, at::kLong);
  EXPECT_NEAR(cross_entropy()(scores, classes).item<double>(),
              at::cross_entropy_loss(scores, classes).item<double>(), 1e-6);
}

TEST(SupervisedObjectiveTest, MeanSquaredErrorNeverBroadcasts) {
  EXPECT_NEAR(mean_squared_error()(at::ones({2, 3}), at::full({2, 3}, 3.0)).item<double>(), 4, 0);
  EXPECT_THROW(mean_squared_error()(at::ones({4, 1}), at::ones({4})), std::invalid_argument);
}

TEST(SupervisedObjectiveTest, ShapesAreCheckedInAdvance) {
  EXPECT_TRUE(cross_entropy().CheckShapes({10}, {}).ok());
  EXPECT_THAT(cross_entropy().CheckShapes({10}, {10}).ToString(), HasSubstr("[10]"));
  EXPECT_FALSE(cross_entropy().CheckShapes({2, 2}, {}).ok());
  EXPECT_TRUE(mean_squared_error().CheckShapes({2}, {2}).ok());
  EXPECT_THAT(mean_squared_error().CheckShapes({2}, {1}).ToString(),
              HasSubstr("the model gives [2], but the targets are [1]"));
}

TEST(EvaluateTest, IsTheMeanOverTheDataWhateverTheBatchSize) {
  const Model model = Classifier();
  const at::Tensor x = at::randn({103, 4}), y = at::randint(3, {103}, at::kLong);
  const double loss = cross_entropy()(model(x), y).item<double>();
  const double accuracy = model(x).argmax(1).eq(y).sum().item<double>() / 103;
  for (const int64_t batch_size : {1, 10, 103, 5000}) {
    const std::vector<Metric> metrics = {Accuracy{}.Make()};
    const auto result =
        Evaluate(model, cross_entropy(), x, y, {.metrics = metrics, .batch_size = batch_size});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_NEAR(result->loss, loss, 1e-6);
    ASSERT_EQ(result->metrics.size(), 1u);
    EXPECT_EQ(result->metrics[0].name, "accuracy");
    EXPECT_EQ(result->metrics[0].value, accuracy);
    EXPECT_EQ(result->examples, 103);
  }
  EXPECT_TRUE(Evaluate(model, mean_squared_error(), x, at::randn({103, 3}))->metrics.empty());
}

TEST(EvaluateTest, WrongDataAreRefused) {
  const Model model = Classifier();
  const at::Tensor x = at::randn({5, 4}), y = at::randint(3, {5}, at::kLong);
  EXPECT_FALSE(Evaluate(model, cross_entropy(), x, y, {.batch_size = 0}).ok());
  EXPECT_FALSE(Evaluate(model, cross_entropy(), x, y.narrow(0, 0, 4)).ok());
  EXPECT_FALSE(Evaluate(model, cross_entropy(), x.narrow(0, 0, 0), y.narrow(0, 0, 0)).ok());
  EXPECT_FALSE(Evaluate(model, cross_entropy(), at::randn({5, 7}), y).ok());
  EXPECT_FALSE(Evaluate(model, cross_entropy(), x, y + 3).ok());
  EXPECT_FALSE(Evaluate(model, mean_squared_error(), x, at::randn({5})).ok());
}

}  // namespace
}  // namespace descent
