// Compares every loss with PyTorch's (tests/data/losses.py), by autograd and by its plan, and with
// central differences.
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/full.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randint.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "core/data/batch.h"
#include "core/fields/fields.h"
#include "core/model/fields.h"
#include "core/model/model.h"
#include "core/objective/binary_cross_entropy.h"
#include "core/objective/class_loss.h"
#include "core/objective/cross_entropy.h"
#include "core/objective/gradient.h"
#include "core/objective/hinge.h"
#include "core/objective/huber.h"
#include "core/objective/kl_divergence.h"
#include "core/objective/loss.h"
#include "core/objective/loss_kinds.h"
#include "core/objective/mean_absolute_error.h"
#include "core/objective/mean_squared_error.h"
#include "core/objective/negative_log_likelihood.h"
#include "core/objective/supervised_objective.h"
#include "core/plan/plan.h"
#include "core/plan/plan_builder.h"
#include "core/space/space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

// The predictions of this model are its parameters, so that nothing but the loss is tested.
struct Point {
  at::Tensor predictions;
  void fields(Fields& list) { list("predictions", predictions); }
  at::Tensor operator()(const at::Tensor&) const { return predictions; }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor&) const {
    return plan.Parameter(predictions);
  }
};

struct Case {
  at::Tensor predictions, targets, gradient;
  double value = 0;
};

std::map<std::string, Case> ReadReference() {
  std::map<std::string, Case> cases;
  std::ifstream file("tests/data/losses.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name, part, shape, word;
    words >> name >> part >> shape;
    std::vector<int64_t> sizes;
    std::istringstream dimensions(shape);
    for (std::string size; std::getline(dimensions, size, 'x');) sizes.push_back(std::stoll(size));
    std::vector<double> numbers;
    bool whole = true;
    while (words >> word) {
      whole = whole && word.find_first_of(".e") == std::string::npos;
      numbers.push_back(std::stod(word));
    }
    at::Tensor tensor = at::tensor(numbers, at::kDouble).view(sizes);
    Case& c = cases[name];
    if (part == "predictions") c.predictions = tensor;
    if (part == "targets") c.targets = whole ? tensor.to(at::kLong) : tensor;
    if (part == "value") c.value = numbers[0];
    if (part == "gradient") c.gradient = tensor;
  }
  return cases;
}

const std::map<std::string, Loss>& Losses() {
  static const std::vector<double> weights = {0.5, 2, 1, 0};
  static const auto* losses = new std::map<std::string, Loss>{
      {"mean_squared_error", MeanSquaredError{}},
      {"mean_absolute_error", MeanAbsoluteError{}},
      {"huber", Huber{}},
      {"huber_delta", Huber{.delta = 2.5}},
      {"binary_cross_entropy", BinaryCrossEntropyWithLogits{}},
      {"binary_cross_entropy_soft", BinaryCrossEntropyWithLogits{}},
      {"binary_cross_entropy_weight", BinaryCrossEntropyWithLogits{.pos_weight = 3}},
      {"cross_entropy", CrossEntropy{}},
      {"cross_entropy_sequence", CrossEntropy{}},
      {"cross_entropy_smoothing", CrossEntropy{.label_smoothing = 0.1}},
      {"cross_entropy_weights", CrossEntropy{.class_weights = weights}},
      {"cross_entropy_everything", CrossEntropy{.label_smoothing = 0.2, .class_weights = weights}},
      {"cross_entropy_everything_sequence",
       CrossEntropy{.label_smoothing = 0.2, .class_weights = weights}},
      {"cross_entropy_probabilities", CrossEntropy{.probabilities = true}},
      {"cross_entropy_probabilities_everything",
       CrossEntropy{.label_smoothing = 0.2, .class_weights = weights, .probabilities = true}},
      {"negative_log_likelihood", NegativeLogLikelihood{}},
      {"negative_log_likelihood_weights", NegativeLogLikelihood{.class_weights = weights}},
      {"negative_log_likelihood_sequence", NegativeLogLikelihood{}},
      {"hinge", Hinge{}},
      {"hinge_margin", Hinge{.margin = 0.3}},
      {"hinge_binary", Hinge{.margin = 0.5}},
      {"kl_divergence", KlDivergence{}},
  };
  return *losses;
}

TEST(LossesTest, EveryKindHasACase) {
  for (const std::string_view kind : LossKinds()) {
    const bool named_shorter = kind == BinaryCrossEntropyWithLogits::kind;
    EXPECT_TRUE(Losses().contains(named_shorter ? "binary_cross_entropy" : std::string(kind)))
        << kind << ": write a case of this name into tests/data/losses.py, and into Losses() above";
  }
}

ModelOf<Point> At(const at::Tensor& predictions) { return ModelOf(Point{predictions.clone()}); }

SupervisedObjective Of(Loss loss, const at::Tensor& targets) {
  const Batch batch{at::zeros({targets.size(0), 1}, at::kDouble), targets};
  return {std::move(loss), [batch](int64_t) { return batch; }};
}

Loss Recorded(Loss loss) {
  loss.plan = nullptr;
  return loss;
}

// Gives the same loss, which fails unless its plan is used.
Loss Planned(Loss loss) {
  loss.function = [](const at::Tensor&, const at::Tensor&) -> at::Tensor {
    throw std::logic_error("no plan");
  };
  return loss;
}

TEST(LossesTest, ValuesAndGradientsArePyTorchsByAutogradAndByPlan) {
  const std::map<std::string, Case> reference = ReadReference();
  ASSERT_EQ(reference.size(), Losses().size());
  for (const auto& [name, c] : reference) {
    SCOPED_TRACE(name);
    const Loss& loss = Losses().at(name);
    for (const Loss& way : {Recorded(loss), Planned(loss)}) {
      SupervisedObjective objective = Of(way, c.targets);
      const auto [g, value] = gradient(objective, At(c.predictions));
      EXPECT_NEAR(value, c.value, 1e-12 * std::abs(c.value));
      EXPECT_LE(norm(g - At(c.gradient)), 1e-12 * norm(At(c.gradient)));
    }
  }
}

TEST(LossesTest, PlannedGradientsAgreeWithCentralDifferences) {
  for (const auto& [name, c] : ReadReference()) {
    SupervisedObjective objective = Of(Planned(Losses().at(name)), c.targets);
    ModelOf<Point> x = At(c.predictions);
    const auto [g, value] = gradient(objective, x);
    ModelOf<Point> differences = zeros_like(x), unused = zeros_like(x);
    double* numbers = x->predictions.mutable_data_ptr<double>();
    const double h = 1e-6;
    for (int64_t i = 0; i < x.parameter_count(); ++i) {
      const double number = numbers[i];
      numbers[i] = number + h;
      const double above = gradient_into(objective, x, unused);
      numbers[i] = number - h;
      const double below = gradient_into(objective, x, unused);
      numbers[i] = number;
      differences->predictions.mutable_data_ptr<double>()[i] = (above - below) / (2 * h);
    }
    EXPECT_LE(norm(g - differences), 1e-6 * norm(g)) << name;
  }
}

// Gives value and derivative by the predictions, of the loss's plan alone, on a device or in a
// dtype for which there are no loops of our own.
std::pair<double, at::Tensor> ByOperators(const Loss& loss, const at::Tensor& predictions,
                                          const at::Tensor& targets) {
  const ModelOf<Point> x = At(predictions);
  const ModelOf<Point> g = zeros_like(x);
  PlanBuilder builder(predictions.scalar_type(), predictions.device(), x.flat().tensors());
  const PlanTensor scores = builder.Parameter(x.flat().tensors()[0]);
  const PlanTensor goals = builder.Input(targets.sizes().vec(), targets.scalar_type());
  const PlanTensor value = builder.Scratch({});
  if (!loss.plan(builder, {scores, goals, value, {}})) throw std::logic_error("no plan");
  at::Tensor arena;
  Plan plan(std::move(builder), value, x.flat().buffers(), &arena);
  const double result = plan.Run(x.flat().buffers(), g.flat().buffers(), {targets});
  return {result, g->predictions.to(at::kCPU, at::kDouble)};
}

void ExpectOperatorsClose(at::ScalarType dtype, at::Device device, double tolerance) {
  for (const auto& [name, c] : ReadReference()) {
    const Loss& loss = Losses().at(name);
    const auto low = [&](const at::Tensor& x) {
      return x.is_floating_point() ? x.to(device, dtype) : x.to(device);
    };
    const auto high = [](const at::Tensor& x) {
      return x.is_floating_point() ? x.to(at::kCPU, at::kDouble) : x.to(at::kCPU);
    };
    const at::Tensor x = low(c.predictions), targets = low(c.targets);
    const auto [value, g] = ByOperators(loss, x, targets);
    SupervisedObjective exact = Of(loss, high(targets));
    const auto [expected, expected_value] = gradient(exact, At(high(x)));
    EXPECT_NEAR(value, expected_value, tolerance * std::abs(expected_value)) << name;
    const at::Tensor difference = g - expected->predictions;
    EXPECT_LE(difference.norm().item<double>(), tolerance * norm(expected)) << name;
  }
}

TEST(LossesTest, WithoutLoopsOfOurOwnTheOperatorsGiveTheSame) {
  ExpectOperatorsClose(at::kBFloat16, at::kCPU, 0.02);
}

TEST(LossesTest, TheGpuGivesTheSame) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  ExpectOperatorsClose(at::kDouble, at::kCUDA, 1e-12);
  ExpectOperatorsClose(at::kFloat, at::kCUDA, 1e-5);
}

// A model in bfloat16 has its loss in float32, by plan and by autograd.
TEST(LossesTest, OfRoundedPredictionsTheLossIsExact) {
  for (const auto& [name, c] : ReadReference()) {
    const Loss& loss = Losses().at(name);
    const at::Tensor x = c.predictions.to(at::kBFloat16);
    SupervisedObjective exact = Of(loss, c.targets);
    const double expected = gradient(exact, At(x.to(at::kDouble))).value;
    for (const Loss& way : {Planned(loss), Recorded(loss)}) {
      SupervisedObjective objective = Of(way, c.targets);
      EXPECT_NEAR(gradient(objective, At(x)).value, expected, 1e-5 * (1 + std::abs(expected)))
          << name;
    }
  }
}

TEST(LossesTest, TargetsOfAnotherShapeOrOutOfRangeAreRefused) {
  const at::Tensor scores = at::randn({4, 3}, at::kDouble);
  for (const Loss& loss : {Loss(CrossEntropy{}), Loss(CrossEntropy{.label_smoothing = 0.1}),
                           Loss(NegativeLogLikelihood{}), Loss(Hinge{})}) {
    SCOPED_TRACE(loss.name);
    EXPECT_TRUE(loss.CheckShapes({3}, {}).ok());
    EXPECT_TRUE(loss.CheckShapes({5, 3}, {5}).ok());
    EXPECT_THAT(loss.CheckShapes({3}, {3}).ToString(), HasSubstr("[3] and the targets are [3]"));
    EXPECT_FALSE(loss.CheckShapes({}, {}).ok());
    EXPECT_THROW(loss(scores, at::zeros({4, 3}, at::kLong)), std::invalid_argument);
    SupervisedObjective objective = Of(Planned(loss), at::full({4}, 3, at::kLong));
    EXPECT_THROW(gradient(objective, At(scores)), std::invalid_argument);
  }
  for (const Loss& loss :
       {Loss(MeanSquaredError{}), Loss(MeanAbsoluteError{}), Loss(Huber{}), Loss(KlDivergence{}),
        Loss(BinaryCrossEntropyWithLogits{}), Loss(CrossEntropy{.probabilities = true})}) {
    SCOPED_TRACE(loss.name);
    EXPECT_TRUE(loss.CheckShapes({3}, {3}).ok());
    EXPECT_THAT(loss.CheckShapes({3}, {}).ToString(), HasSubstr("the model gives [3]"));
    // Broadcasting would be silent.
    EXPECT_THROW(loss(scores, at::ones({4, 1}, at::kDouble)), std::invalid_argument);
  }
  SupervisedObjective binary = Of(Hinge{}, at::full({4}, 2, at::kLong));
  EXPECT_THROW(gradient(binary, At(at::randn({4, 1}, at::kDouble))), std::invalid_argument);
  EXPECT_THROW(binary(At(at::randn({4, 1}, at::kDouble))), std::invalid_argument);
}

TEST(LossesTest, ClassWeightsMustBeAsManyAsClasses) {
  for (const Loss& loss : {Loss(CrossEntropy{.class_weights = {1, 2}}),
                           Loss(CrossEntropy{.class_weights = {1, 2}, .probabilities = true}),
                           Loss(NegativeLogLikelihood{.class_weights = {1, 2}})}) {
    const Shape target = loss.predicts == Predicts::kClass ? Shape{} : Shape{3};
    EXPECT_THAT(loss.CheckShapes({3}, target).ToString(),
                HasSubstr("class_weights are 2 numbers, but the model gives 3 classes"));
  }
}

TEST(LossesTest, FieldsOutOfRangeAreNamed) {
  EXPECT_THAT(ValidateFields(Huber{.delta = 0}).ToString(), HasSubstr("delta: 0 is"));
  EXPECT_THAT(ValidateFields(CrossEntropy{.class_weights = {1, -2}}).ToString(),
              HasSubstr("class_weights[1]: -2 is negative"));
  EXPECT_THAT(ValidateFields(CrossEntropy{.label_smoothing = 1.5}).ToString(),
              HasSubstr("label_smoothing: 1.5"));
  EXPECT_THROW(Loss(Hinge{.margin = std::nan("")}), std::invalid_argument);
}

TEST(LossesTest, KindsAreMadeByTheirFieldsNames) {
  const std::unique_ptr<LossForm> huber = NewLoss("huber");
  ASSERT_NE(huber, nullptr);
  EXPECT_EQ(huber->kind(), "huber");
  const FieldList fields = huber->fields();
  ASSERT_NE(fields.Find("delta"), nullptr);
  EXPECT_TRUE(fields.Find("delta")->Set(2.5).ok());
  const Case c = ReadReference().at("huber_delta");
  EXPECT_NEAR(huber->Make()(c.predictions, c.targets).item<double>(), c.value, 1e-12);
  EXPECT_THAT(fields.Find("delta")->Set(-1.0).ToString(), HasSubstr("delta: -1"));
  EXPECT_FALSE(fields.Find("delta")->Set(true).ok());
  EXPECT_EQ(fields.Find("beta"), nullptr);
  EXPECT_EQ(NewLoss("hubris"), nullptr);
}

TEST(LossesTest, NotANumberStaysNotANumber) {
  for (const auto& [name, c] : ReadReference()) {
    at::Tensor predictions = c.predictions.clone();
    // It is at the target's own place, where a class loss looks.
    const int64_t first = c.targets.scalar_type() == at::kLong && predictions.size(-1) > 1
                              ? c.targets.flatten()[0].item<int64_t>()
                              : 0;
    predictions.view({-1}).narrow(0, first, 1).fill_(std::nan(""));
    SupervisedObjective objective = Of(Planned(Losses().at(name)), c.targets);
    EXPECT_TRUE(std::isnan(gradient(objective, At(predictions)).value)) << name;
  }
}

// Targets that are ignored, and those of a class of weight 0, make no 0/0.
TEST(LossesTest, ABatchInWhichNothingCountsIsZeroAndMovesNothing) {
  const at::Tensor predictions = at::randn({4, 3}, at::kDouble);
  const std::vector<double> weights = {1, 0, 2};
  const at::Tensor ignored = at::full({4}, kIgnoredTarget, at::kLong);
  const at::Tensor weightless = at::ones({4}, at::kLong);
  at::Tensor both = weightless.clone();
  both[1] = kIgnoredTarget;
  const std::vector<std::pair<Loss, at::Tensor>> cases = {
      {CrossEntropy{}, ignored},
      {CrossEntropy{.class_weights = weights}, weightless},
      {CrossEntropy{.class_weights = weights}, both},
      {CrossEntropy{.label_smoothing = 0.1, .class_weights = weights}, weightless},
      {NegativeLogLikelihood{}, ignored},
      {NegativeLogLikelihood{.class_weights = weights}, weightless},
      {NegativeLogLikelihood{.class_weights = weights}, both}};
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto& [loss, targets] = cases[i];
    for (const Loss& way : {Planned(loss), Recorded(loss)}) {
      SupervisedObjective objective = Of(way, targets);
      const auto [g, value] = gradient(objective, At(predictions));
      EXPECT_EQ(value, 0) << i;
      EXPECT_EQ(norm(g), 0) << i;
    }
    const auto [value, g] = ByOperators(loss, predictions.to(at::kBFloat16), targets);
    EXPECT_EQ(value, 0) << i;
    EXPECT_EQ(g.norm().item<double>(), 0) << i;
    // If one alone counts, it is the mean.
    at::Tensor one = targets.clone();
    one[3] = 2;
    SupervisedObjective last = Of(Planned(loss), one), recorded = Of(Recorded(loss), one);
    const double expected = gradient(recorded, At(predictions)).value;
    EXPECT_TRUE(std::isfinite(expected)) << i;
    EXPECT_NEAR(gradient(last, At(predictions)).value, expected, 1e-12) << i;
  }
}

}  // namespace
}  // namespace descent
