// Compares metrics with their definitions, whatever the batches are.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/log_softmax.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/softmax.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "core/fields/fields.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/objective/binary_cross_entropy.h"
#include "core/objective/class_metrics.h"
#include "core/objective/cross_entropy.h"
#include "core/objective/evaluate.h"
#include "core/objective/hinge.h"
#include "core/objective/huber.h"
#include "core/objective/loss.h"
#include "core/objective/mean_absolute_error.h"
#include "core/objective/mean_squared_error.h"
#include "core/objective/metric.h"
#include "core/objective/metric_kinds.h"
#include "core/objective/value_metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Gives the metric of the whole; batches of 7 must give the same.
MetricValue Of(const Metric& metric, const Loss& loss, const at::Tensor& predictions,
               const at::Tensor& targets) {
  const double value = loss(predictions, targets).item<double>();
  const std::unique_ptr<Tally> whole = metric.start(loss), parts = metric.start(loss);
  whole->Add(predictions, targets);
  for (int64_t i = 0; i < predictions.size(0); i += 7) {
    const int64_t rows = std::min<int64_t>(7, predictions.size(0) - i);
    parts->Add(predictions.narrow(0, i, rows), targets.narrow(0, i, rows));
  }
  MetricValue result = whole->Result(value);
  const MetricValue again = parts->Result(value);
  EXPECT_EQ(result.name, again.name);
  EXPECT_TRUE(result.value == again.value || std::isnan(result.value));
  EXPECT_EQ(result.values, again.values);
  return result;
}

TEST(MetricsTest, AccuracyIsTheShareOfRightClasses) {
  const at::Tensor scores = at::randn({50, 4}), classes = at::randint(4, {50}, at::kLong);
  const double right = scores.argmax(1).eq(classes).sum().item<double>();
  EXPECT_EQ(Of(Accuracy{}.Make(), CrossEntropy{}, scores, classes).value, right / 50);
  classes[3] = -100;
  const double counted = scores.argmax(1).eq(classes).sum().item<double>();
  EXPECT_EQ(Of(Accuracy{}.Make(), CrossEntropy{}, scores, classes).value, counted / 49);
  const at::Tensor sequences = at::randn({20, 5, 4}), next = at::randint(4, {20, 5}, at::kLong);
  EXPECT_EQ(Of(Accuracy{}.Make(), CrossEntropy{}, sequences, next).value,
            sequences.argmax(2).eq(next).sum().item<double>() / 100);
}

TEST(MetricsTest, AccuracyOfProbabilitiesAndOfAnswers) {
  const at::Tensor scores = at::randn({50, 4}), p = at::softmax(at::randn({50, 4}), 1);
  EXPECT_EQ(Of(Accuracy{}.Make(), CrossEntropy{.probabilities = true}, scores, p).value,
            scores.argmax(1).eq(p.argmax(1)).sum().item<double>() / 50);
  const at::Tensor yes = at::rand({50, 4}).round();
  EXPECT_EQ(Of(Accuracy{}.Make(), BinaryCrossEntropyWithLogits{}, scores, yes).value,
            scores.gt(0).eq(yes).sum().item<double>() / 200);
  const at::Tensor one = at::randn({50, 1}), classes = at::randint(2, {50}, at::kLong);
  EXPECT_EQ(Of(Accuracy{}.Make(), Hinge{}, one, classes).value,
            one.squeeze(1).gt(0).eq(classes).sum().item<double>() / 50);
}

TEST(MetricsTest, TopKCountsEqualScoresInTheirOrder) {
  const at::Tensor scores = at::tensor({3.0, 1.0, 2.0, 2.0, 0.0, 2.0, 2.0, 1.0}).view({2, 4});
  const auto top = [&](int64_t k, int64_t first, int64_t second) {
    return Of(TopK{.k = k}.Make(), CrossEntropy{}, scores, at::tensor({first, second}));
  };
  EXPECT_EQ(top(2, 2, 1).value, 1);
  EXPECT_EQ(top(2, 3, 2).value, 0.5);
  EXPECT_EQ(top(3, 3, 0).value, 0.5);
  EXPECT_EQ(top(3, 3, 0).name, "top_3");
  const at::Tensor many = at::randn({60, 9}), classes = at::randint(9, {60}, at::kLong);
  EXPECT_EQ(Of(TopK{.k = 1}.Make(), CrossEntropy{}, many, classes).value,
            Of(Accuracy{}.Make(), CrossEntropy{}, many, classes).value);
  EXPECT_EQ(Of(TopK{.k = 9}.Make(), CrossEntropy{}, many, classes).value, 1);
}

TEST(MetricsTest, AucIsHowOftenAYesIsAboveANo) {
  // There are few different scores, so that many are equal.
  const at::Tensor scores = at::randint(6, {80, 2}).to(at::kDouble);
  const at::Tensor classes = at::randint(2, {80}, at::kLong);
  double pairs = 0, right = 0;
  for (int64_t i = 0; i < 80; ++i) {
    for (int64_t j = 0; j < 80; ++j) {
      if (classes[i].item<int64_t>() != 1 || classes[j].item<int64_t>() != 0) continue;
      const double yes = (scores[i][1] - scores[i][0]).item<double>();
      const double no = (scores[j][1] - scores[j][0]).item<double>();
      ++pairs;
      right += yes > no ? 1 : yes == no ? 0.5 : 0;
    }
  }
  EXPECT_NEAR(Of(Auc{}.Make(), CrossEntropy{}, scores, classes).value, right / pairs, 1e-14);
  const at::Tensor one = scores.narrow(1, 1, 1) - scores.narrow(1, 0, 1);
  EXPECT_NEAR(
      Of(Auc{}.Make(), BinaryCrossEntropyWithLogits{}, one, classes.to(at::kDouble).unsqueeze(1))
          .value,
      right / pairs, 1e-14);
  EXPECT_TRUE(
      std::isnan(Of(Auc{}.Make(), CrossEntropy{}, scores, at::ones({80}, at::kLong)).value));
}

TEST(MetricsTest, TheConfusionMatrixCountsRowByRow) {
  const at::Tensor scores =
      at::tensor({5.0, 1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 1.0, 0.0}).view({4, 3});
  const MetricValue value =
      Of(ConfusionMatrix{}.Make(), CrossEntropy{}, scores, at::tensor({0, 2, 2, 1}, at::kLong));
  EXPECT_THAT(value.values, ElementsAre(1, 0, 0, 1, 0, 0, 0, 1, 1));
}

// Of 100,000 classes the whole matrix would be 80 GB.
TEST(MetricsTest, TheConfusionMatrixOfManyClassesIsWhatIsInIt) {
  const at::Tensor scores = at::zeros({4, 100'000}, at::kDouble);
  const int64_t taken[] = {7, 99'999, 7, 3};
  for (int64_t i = 0; i < 4; ++i) scores[i][taken[i]] = 1;
  const MetricValue value = Of(ConfusionMatrix{}.Make(), CrossEntropy{}, scores,
                               at::tensor({50'000, 0, 50'000, 3}, at::kLong));
  EXPECT_THAT(value.values, ElementsAre());
  EXPECT_EQ(value.size, 100'000);
  std::vector<std::array<uint32_t, 3>> entries;
  for (const auto& [row, column, count] : value.entries) entries.push_back({row, column, count});
  EXPECT_THAT(entries,
              ElementsAre(std::array<uint32_t, 3>{0, 99'999, 1}, std::array<uint32_t, 3>{3, 3, 1},
                          std::array<uint32_t, 3>{50'000, 7, 2}));
}

// sklearn.metrics.f1_score of classes t and predictions p:
//   t, p = [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 0, 1, 1, 2, 0, 1]  (of 4 classes, the last one absent)
TEST(MetricsTest, F1IsScikitLearns) {
  const at::Tensor t = at::tensor({0, 0, 0, 1, 1, 2, 2, 2, -100}, at::kLong);
  const at::Tensor p = at::tensor({0, 1, 0, 1, 1, 2, 0, 1, 3}, at::kLong);
  const at::Tensor scores = p.unsqueeze(1).eq(at::tensor({0, 1, 2, 3}, at::kLong)).to(at::kDouble);
  // It is 2·2/(3 + 3) for class 0, 2·2/(2 + 4) for 1, and 2·1/(3 + 1) for 2.
  const double zero = 4.0 / 6, one = 4.0 / 6, two = 2.0 / 4;
  const MetricValue macro = Of(F1Macro{}.Make(), CrossEntropy{}, scores, t);
  EXPECT_EQ(macro.name, "f1_macro");
  EXPECT_NEAR(macro.value, (zero + one + two) / 3, 1e-15);
  EXPECT_NEAR(Of(F1Weighted{}.Make(), CrossEntropy{}, scores, t).value,
              (3 * zero + 2 * one + 3 * two) / 8, 1e-15);
  EXPECT_NEAR(Of(F1Micro{}.Make(), CrossEntropy{}, scores, t).value, 5.0 / 8, 1e-15);
  EXPECT_THAT(F1{}.Make().check(CrossEntropy{}, {4}).ToString(), HasSubstr("give f1_macro"));
  // With two classes it is that of the second one.
  const at::Tensor yes = at::tensor({1.0, -1.0, 2.0, -3.0}).view({4, 1});
  const at::Tensor truth = at::tensor({1.0, 1.0, 0.0, 0.0}).view({4, 1});
  const MetricValue binary = Of(F1{}.Make(), BinaryCrossEntropyWithLogits{}, yes, truth);
  EXPECT_EQ(binary.name, "f1");
  EXPECT_EQ(binary.value, 2.0 / 4);
  EXPECT_EQ(Of(F1{}.Make(), BinaryCrossEntropyWithLogits{}, -yes.abs(), 0 * truth).value, 0);
  EXPECT_FALSE(F1Macro{}.Make().check(BinaryCrossEntropyWithLogits{}, {3}).ok());
}

TEST(MetricsTest, RSquaredAndAbsoluteErrorAreTheirFormulas) {
  // The mean is far from zero: a difference of sums of squares would lose all digits.
  const at::Tensor t = at::randn({50, 3}, at::kDouble) + 1e6;
  const at::Tensor p = t + 0.3 * at::randn({50, 3}, at::kDouble);
  const double expected =
      1 - ((t - p).square().sum() / (t - t.mean(at::IntArrayRef{0})).square().sum()).item<double>();
  EXPECT_NEAR(Of(RSquared{}.Make(), Huber{}, p, t).value, expected, 1e-9);
  EXPECT_NEAR(Of(AbsoluteError{}.Make(), MeanSquaredError{}, p, t).value,
              (t - p).abs().mean().item<double>(), 1e-12);
}

TEST(MetricsTest, PerplexityIsThatOfTheLoss) {
  const at::Tensor scores = at::zeros({10, 8}), classes = at::randint(8, {10}, at::kLong);
  EXPECT_NEAR(Of(Perplexity{}.Make(), CrossEntropy{}, scores, classes).value, 8, 1e-5);
}

TEST(MetricsTest, WhatMeansNothingIsRefused) {
  const auto refused = [](const Metric& metric, const Loss& loss, const Shape& output) {
    return metric.check(loss, output).ToString();
  };
  EXPECT_THAT(refused(Accuracy{}.Make(), MeanSquaredError{}, {3}), HasSubstr("predicts classes"));
  EXPECT_THAT(refused(TopK{.k = 4}.Make(), CrossEntropy{}, {3}), HasSubstr("gives 3 scores"));
  EXPECT_THAT(refused(Auc{}.Make(), CrossEntropy{}, {3}), HasSubstr("one of two classes"));
  EXPECT_THAT(refused(RSquared{}.Make(), CrossEntropy{}, {3}), HasSubstr("predicts numbers"));
  EXPECT_THAT(refused(Perplexity{}.Make(), CrossEntropy{.label_smoothing = 0.1}, {3}),
              HasSubstr("−log p"));
  EXPECT_EQ(refused(Auc{}.Make(), CrossEntropy{}, {2}), "OK");
  EXPECT_EQ(refused(RSquared{}.Make(), Huber{}, {3}), "OK");
}

TEST(MetricsTest, EachSaysWhichWayItGoes) {
  for (const std::string_view kind : MetricKinds()) {
    const Metric metric = NewMetric(kind)->Make();
    if (kind == ConfusionMatrix::kind) {
      EXPECT_EQ(metric.better, Better::kNeither);
      EXPECT_FALSE(CheckDirection(metric, true).ok());
      EXPECT_FALSE(CheckDirection(metric, false).ok());
      continue;
    }
    EXPECT_NE(metric.better, Better::kNeither) << kind;
    EXPECT_EQ(CheckDirection(metric, true).ok(), metric.better == Better::kGreater);
    EXPECT_EQ(CheckDirection(metric, false).ok(), metric.better == Better::kLess);
  }
  EXPECT_EQ(MakeMetric(Accuracy{}).better, Better::kGreater);
  EXPECT_EQ(MakeMetric(RSquared{}).better, Better::kGreater);
  EXPECT_EQ(MakeMetric(AbsoluteError{}).better, Better::kLess);
}

TEST(MetricsTest, KindsAreMadeByTheirFieldsNames) {
  const std::unique_ptr<MetricForm> top_k = NewMetric("top_k");
  const FieldList fields = top_k->fields();
  EXPECT_TRUE(fields.Find("k")->Set(int64_t{3}).ok());
  EXPECT_EQ(top_k->Make().name, "top_3");
  EXPECT_THAT(fields.Find("k")->Set(int64_t{0}).ToString(), HasSubstr("k: 0"));
  EXPECT_EQ(NewMetric("accuracies"), nullptr);
}

TEST(EvaluateTest, OfASumIsTheWeightedSum) {
  const Model model =
      BuildModel({.root = Linear{.out_features = 3}, .input_shape = {4}, .seed = 1})->model;
  const at::Tensor x = at::randn({103, 4}), y = at::randn({103, 3});
  const LossSum sum({{"near", Huber{}, 0.5}, {"far", MeanAbsoluteError{}, 2.0}});
  const double near = Evaluate(model, Huber{}, x, y)->loss;
  const double far = Evaluate(model, MeanAbsoluteError{}, x, y)->loss;
  EXPECT_NEAR(Evaluate(model, sum, x, y)->loss, 0.5 * near + 2 * far, 1e-12);
  const std::vector<double> weights = {3, 0};
  EXPECT_NEAR(Evaluate(model, sum, x, y, {.weights = weights})->loss, 3 * near, 1e-12);
}

TEST(EvaluateTest, WeightedClassesAreAveragedExactlyWhateverTheBatches) {
  const Model model =
      BuildModel({.root = Linear{.out_features = 3}, .input_shape = {4}, .seed = 1})->model;
  const at::Tensor x = at::randn({103, 4}), y = at::randint(3, {103}, at::kLong);
  y[5] = -100;
  const Loss loss = CrossEntropy{.class_weights = {0.1, 5, 1}};
  const double whole = loss(model(x), y).item<double>();
  for (const int64_t batch_size : {1, 10, 103}) {
    EXPECT_NEAR(Evaluate(model, loss, x, y, {.batch_size = batch_size})->loss, whole, 1e-6);
  }
}

// The loss is that of such a batch in training.
TEST(EvaluateTest, ExamplesThatWeighNothingHaveNoLoss) {
  const Model model =
      BuildModel({.root = Linear{.out_features = 3}, .input_shape = {4}, .seed = 1})->model;
  const at::Tensor x = at::randn({10, 4}), y = at::zeros({10}, at::kLong);
  const Loss loss = CrossEntropy{.class_weights = {0, 5, 1}};
  EXPECT_EQ(Evaluate(model, loss, x, y)->loss, 0);
}

}  // namespace
}  // namespace descent
