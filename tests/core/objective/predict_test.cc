// Predictions are what evaluations see, and classes those that metrics count.
#include "core/objective/predict.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/IListRef.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/tensor.h"
#include "absl/status/status.h"
#include "core/model/dropout.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/binary_cross_entropy.h"
#include "core/objective/class_metrics.h"
#include "core/objective/cross_entropy.h"
#include "core/objective/evaluate.h"
#include "core/objective/hinge.h"
#include "core/objective/huber.h"
#include "core/objective/kl_divergence.h"
#include "core/objective/negative_log_likelihood.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Model Classifier() {
  return BuildModel({.root = Sequential{{Linear{.out_features = 16}, Relu{}, Dropout{.p = 0.5},
                                         Linear{.out_features = 3}}},
                     .input_shape = {5},
                     .seed = 1})
      ->model;
}

at::Tensor All(const Model& model, const at::Tensor& inputs, int64_t batch_size) {
  std::vector<at::Tensor> parts;
  const absl::Status status = Predict(model, inputs, batch_size, [&](const at::Tensor& outputs) {
    EXPECT_LE(outputs.size(0), batch_size);
    EXPECT_FALSE(outputs.requires_grad());
    parts.push_back(outputs);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return at::cat(parts);
}

TEST(PredictTest, GivesWhatAnEvaluationSees) {
  const Model model = Classifier();
  const at::Tensor inputs = at::randn({100, 5}), classes = at::randint(3, {100}, at::kLong);
  const at::Tensor outputs = All(model, inputs, 32);
  EXPECT_EQ(outputs.sizes().vec(), (std::vector<int64_t>{100, 3}));
  EXPECT_TRUE(at::equal(outputs.narrow(0, 0, 32), model(inputs.narrow(0, 0, 32))));
  const Metric accuracy = Accuracy{}.Make();
  const auto evaluated = Evaluate(model, CrossEntropy{}, inputs, classes,
                                  {.metrics = std::span(&accuracy, 1), .batch_size = 32});
  ASSERT_TRUE(evaluated.ok()) << evaluated.status();
  const at::Tensor right = PredictedClasses(Predicts::kClass, outputs).eq(classes);
  EXPECT_EQ(right.sum().item<double>() / 100, evaluated->metrics[0].value);
}

TEST(PredictTest, EndsWhereTheTakerSaysSo) {
  int batches = 0;
  const absl::Status status =
      Predict(Classifier(), at::randn({10, 5}), 3, [&](const at::Tensor&) -> absl::Status {
        return ++batches < 2 ? absl::OkStatus() : absl::CancelledError("enough");
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(batches, 2);
}

TEST(PredictTest, RefusesWhatDoesNotFit) {
  const auto refusal = [](const at::Tensor& inputs, int64_t batch_size) {
    const absl::Status status = Predict(Classifier(), inputs, batch_size,
                                        [](const at::Tensor&) { return absl::OkStatus(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal(at::randn({10, 5}), 0), HasSubstr("batch_size: 0 is too small"));
  EXPECT_THAT(refusal(at::randn({0, 5}), 4), HasSubstr("no rows"));
  EXPECT_THAT(refusal(at::randn({10, 4}), 4), HasSubstr("can't be used on these data"));
}

std::vector<int64_t> Numbers(const at::Tensor& classes) {
  return {classes.const_data_ptr<int64_t>(), classes.const_data_ptr<int64_t>() + classes.numel()};
}

TEST(PredictTest, ClassesAreTheFirstOfTheGreatestScores) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor scores =
      at::tensor({1.0, 3.0, 3.0, -1.0, -2.0, -3.0, 0.0, nan, 1.0}).view({3, 3});
  EXPECT_THAT(Numbers(PredictedClasses(Predicts::kClass, scores)), ElementsAre(1, 0, 2));
  EXPECT_THAT(Numbers(PredictedClasses(Predicts::kProbabilities, scores)), ElementsAre(1, 0, 2));
  // There is one score alone, and there are questions.
  const at::Tensor one = at::tensor({0.5, 0.0, -1.0}).view({3, 1});
  EXPECT_THAT(Numbers(PredictedClasses(Predicts::kClass, one)), ElementsAre(1, 0, 0));
  const at::Tensor answers = PredictedClasses(Predicts::kYesOrNo, scores);
  EXPECT_EQ(answers.sizes(), scores.sizes());
  EXPECT_THAT(Numbers(answers), ElementsAre(1, 1, 1, 0, 0, 0, 0, 0, 1));
  // Sequences have a class for each place.
  EXPECT_EQ(PredictedShape(Predicts::kClass, {7, 20}), (Shape{7}));
  const at::Tensor sequences = at::randn({4, 7, 20});
  EXPECT_TRUE(at::equal(PredictedClasses(Predicts::kClass, sequences), sequences.argmax(2)));
  EXPECT_FALSE(PredictsClasses(Loss(Huber{}).predicts));
}

TEST(PredictTest, LossesSayWhatProbabilitiesTheirScoresAre) {
  const at::Tensor scores = at::randn({6, 4}, at::kDouble);
  const at::Tensor p = Loss(CrossEntropy{}).probabilities(scores);
  EXPECT_TRUE(p.sum(1).allclose(at::ones({6}, at::kDouble)));
  EXPECT_TRUE(at::equal(p.argmax(1), scores.argmax(1)));
  // −log p of the target is the loss.
  const at::Tensor targets = at::randint(4, {6}, at::kLong);
  const at::Tensor own = p.gather(1, targets.unsqueeze(1)).log().mean();
  EXPECT_NEAR(Loss(CrossEntropy{})(scores, targets).item<double>(), -own.item<double>(), 1e-12);
  const at::Tensor yes = Loss(BinaryCrossEntropyWithLogits{}).probabilities(scores);
  EXPECT_TRUE(at::equal(yes.gt(0.5), scores.gt(0)));
  EXPECT_TRUE(at::equal(Loss(NegativeLogLikelihood{}).probabilities(p.log()), p.log().exp()));
  EXPECT_TRUE(at::equal(Loss(KlDivergence{}).probabilities(p.log()), p.log().exp()));
  EXPECT_FALSE(Loss(Hinge{}).probabilities);
  EXPECT_FALSE(Loss(Huber{}).probabilities);
}

}  // namespace
}  // namespace descent
