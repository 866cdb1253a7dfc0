#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/worker/bridge/prepare.h"
#include "tests/server/worker/bridge/prepare_fixture.h"

namespace descent::worker {
namespace {

TEST_F(PrepareTest, APlateauNeedsWhatItGoesBy) {
  const auto plateau = [this](const std::string& metric) {
    return FirstViolation(
        WithOptimizer("sgd { step_size { plateau { initial: 0.1 metric: \"" + metric + "\" } } }"));
  };
  EXPECT_EQ(plateau("value"), "");
  EXPECT_EQ(plateau("loss"), "optimizer.sgd.step_size.plateau.metric MISSING_FIELD");
  EXPECT_NE(description_.find("It goes by `loss`"), std::string::npos) << description_;
  EXPECT_NE(description_.find("data.test"), std::string::npos) << description_;
  EXPECT_EQ(plateau("los"), "optimizer.sgd.step_size.plateau.metric UNKNOWN_METRIC");
  EXPECT_NE(description_.find("no metric `los`; give one of value, loss, accuracy"),
            std::string::npos)
      << description_;
  EXPECT_EQ(FirstViolation(WithOptimizer("sgd { step_size { repeated { iterations: 9 sequence { "
                                         "plateau { initial: 0.1 } } } } }")),
            "optimizer.sgd.step_size.repeated OUT_OF_RANGE");
}

TEST_F(PrepareTest, APlateauLooksTheWayThatItsMetricGoes) {
  const auto plateau = [this](const std::string& fields, int64_t every_epochs = 1) {
    api::Spec spec =
        WithOptimizer("sgd { step_size { warmup { iterations: 3 then { plateau { initial: 0.1 " +
                      fields + " } } } } }");
    spec.mutable_data()->mutable_split()->set_test_fraction(0.25);
    spec.mutable_data()->set_batch_size(2);
    spec.mutable_evaluation()->set_every_epochs(every_epochs);
    for (const char* kind : {"accuracy", "top_k", "perplexity", "confusion_matrix"}) {
      api::EvaluationMetric* metric = spec.mutable_evaluation()->add_metrics();
      const auto* field = metric->GetDescriptor()->FindFieldByName(kind);
      metric->GetReflection()->MutableMessage(metric, field);
    }
    spec.mutable_evaluation()->mutable_metrics(1)->mutable_top_k()->set_k(2);
    return FirstViolation(spec);
  };
  const std::string field = "optimizer.sgd.step_size.warmup.then.plateau.";
  for (const char* grows : {"accuracy", "top_2"}) {
    const std::string metric = absl::StrCat("metric: \"", grows, "\" ");
    EXPECT_EQ(plateau(metric + "maximize: true"), "") << description_;
    EXPECT_EQ(plateau(metric), field + "maximize CONFLICT");
    EXPECT_EQ(plateau(metric + "maximize: false"), field + "maximize CONFLICT");
    EXPECT_NE(
        description_.find(absl::StrCat(grows, " grows as the model becomes better; give true")),
        std::string::npos)
        << description_;
  }
  for (const char* falls : {"loss", "perplexity"}) {
    const std::string metric = absl::StrCat("metric: \"", falls, "\" ");
    EXPECT_EQ(plateau(metric), "") << description_;
    EXPECT_EQ(plateau(metric + "maximize: true"), field + "maximize CONFLICT");
  }
  EXPECT_EQ(plateau("metric: \"confusion_matrix\""), field + "metric UNKNOWN_METRIC");
  EXPECT_EQ(plateau("metric: \"loss\"", 0), field + "metric CONFLICT");
  EXPECT_NE(description_.find("none before the end"), std::string::npos) << description_;
}

TEST_F(PrepareTest, APlateauGoesByEvaluationsOrByTheMeansOfEpochs) {
  const auto plateau = [this](double test_fraction, int64_t epochs, int64_t every_epochs) {
    api::Spec spec = WithOptimizer("sgd { step_size { plateau { initial: 0.1 } } }");
    if (test_fraction > 0) spec.mutable_data()->mutable_split()->set_test_fraction(test_fraction);
    spec.mutable_data()->set_batch_size(2);
    spec.mutable_evaluation()->set_every_epochs(every_epochs);
    spec.set_epochs(epochs);
    std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
    EXPECT_TRUE(std::holds_alternative<Prepared>(result));
    const Prepared& prepared = std::get<Prepared>(result);
    const auto& resolved = prepared.spec.optimizer().sgd().step_size().plateau();
    per_epoch_ = prepared.summary.iterations_per_epoch();
    return absl::StrCat(resolved.metric(), " ", resolved.average());
  };
  EXPECT_EQ(plateau(0.25, 20, 1), "loss 1");
  std::string resolved = plateau(0, 20, 1);
  EXPECT_EQ(resolved, absl::StrCat("value ", per_epoch_));
  EXPECT_GT(per_epoch_, 1);
  // Evaluations at the end alone come too late.
  resolved = plateau(0.25, 20, 0);
  EXPECT_EQ(resolved, absl::StrCat("value ", per_epoch_));
  // However short the run is, single batches would use up the patience within an epoch.
  resolved = plateau(0, 2, 1);
  EXPECT_EQ(resolved, absl::StrCat("value ", per_epoch_));
  // In a run of one epoch it is a hundredth of that, or ten batches.
  EXPECT_EQ(plateau(0, 1, 1), "value 10");

  api::Spec spec;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "objective { function { rosenbrock {} } } iterations: 500 "
      "optimizer { gradient_descent { step_size { plateau { initial: 1e-3 } } } }",
      &spec));
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  EXPECT_EQ(std::get<Prepared>(result)
                .spec.optimizer()
                .gradient_descent()
                .step_size()
                .plateau()
                .average(),
            1);
}

}  // namespace
}  // namespace descent::worker
