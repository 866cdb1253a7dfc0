// Tests in jobs what core/recipes.md adds: it is compiled with a copy of the sources in which the
// page has been followed.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_replace.h"
#include "core/train/trainer.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

constexpr char kLearning[] = R"(
  seed: 3
  model { sequential {
      layers { linear { out_features: 8 weight_init { ramp { step: 0.25 } } } }
      layers { softplus { beta: 2 } }
      layers { linear { out_features: 1 weight_init { ramp { step: 0.05 } } } } } }
  objective {
      fourth_power { factor: 3 }
      penalties { log { weight { constant: 1e-5 } scale: 2 } } }
  optimizer {
      sign_descent { step_size { halving { initial: 0.02 iterations: 60 } } }
      wrappers { unit_gradient { length { constant: 2 } } } }
  data {
      train { squares { examples: 64 } }
      test { squares { examples: 9 } }
      batch_size: 16 }
  evaluation { metrics { within { distance: 0.2 } } }
  iterations: 300)";

constexpr char kMinimizing[] = R"(
  objective { function { bowl { centre: [1, -2] } } }
  optimizer { lbfgs { line_search { shrinking { contraction: 0.25 } } } }
  iterations: 20)";

std::variant<Prepared, Violations> Read(const std::string& text) {
  api::Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  DataCache cache;
  return Prepare(spec, &cache);
}

// Gives `field reason` of each problem.
std::vector<std::string> Problems(const std::string& text) {
  std::vector<std::string> problems;
  const auto prepared = Read(text);
  if (const auto* violations = std::get_if<Violations>(&prepared)) {
    for (const Violation& violation : violations->list()) {
      problems.push_back(violation.field + " " + violation.reason);
    }
  }
  return problems;
}

// Starts the run of such a spec; `prepared` becomes what was said of it before.
std::unique_ptr<Trainer> Started(const std::string& text, Prepared* prepared) {
  *prepared = std::get<Prepared>(Read(text));
  absl::StatusOr<std::unique_ptr<Trainer>> run = MakeTrainer(*prepared);
  EXPECT_TRUE(run.ok()) << run.status();
  return *std::move(run);
}

// The objective's value after so many steps.
double After(int64_t steps, Trainer& run) {
  for (int64_t k = 0; k < steps; ++k) {
    const auto at = run.Current();
    EXPECT_TRUE(at.ok()) << at.status();
    EXPECT_TRUE(run.Advance().ok());
  }
  return run.Current()->value;
}

TEST(RecipeTest, AJobOfOneOfEachLearns) {
  ASSERT_THAT(Problems(kLearning), IsEmpty());
  Prepared prepared;
  const std::unique_ptr<Trainer> run = Started(kLearning, &prepared);
  const double first = After(0, *run);
  EXPECT_LT(After(300, *run), 0.1 * first);
  const absl::StatusOr<EvaluationResult> evaluation = run->Evaluate();
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  ASSERT_EQ(evaluation->metrics.size(), 1);
  EXPECT_EQ(evaluation->metrics[0].name, "within");
  EXPECT_GT(evaluation->metrics[0].value, 0.5);
}

TEST(RecipeTest, WhatIsLeftOutIsTheDefaultAndEachSequenceADial) {
  Prepared prepared;
  const std::unique_ptr<Trainer> run = Started(kLearning, &prepared);
  EXPECT_EQ(prepared.spec.optimizer().sign_descent().beta().constant(), 0.5);
  EXPECT_EQ(prepared.spec.objective().penalties(0).log().pattern(), "*");
  for (const char* dial : {"optimizer.sign_descent.step_size", "optimizer.sign_descent.beta",
                           "optimizer.unit_gradient.length", "objective.penalties.log.weight"}) {
    EXPECT_THAT(run->dials().paths(), Contains(dial));
    EXPECT_THAT(prepared.summary.dials(), Contains(dial));
  }
  // It has a plan, and so has the whole objective.
  EXPECT_EQ(prepared.summary.layers(1).kind(), "softplus");
  EXPECT_TRUE(prepared.summary.layers(1).plan());
}

TEST(RecipeTest, ALineSearchFindsTheMinimumOfAFunction) {
  ASSERT_THAT(Problems(kMinimizing), IsEmpty());
  Prepared prepared;
  const std::unique_ptr<Trainer> run = Started(kMinimizing, &prepared);
  EXPECT_EQ(prepared.spec.optimizer().lbfgs().line_search().shrinking().max_evaluations(), 50);
  EXPECT_EQ(After(0, *run), 5);
  EXPECT_LT(After(10, *run), 1e-12);
}

TEST(RecipeTest, NumbersOutOfRangeAreRefusedAtTheirFields) {
  struct Case {
    const char *right, *wrong, *problem;
  };
  for (const Case& c : std::vector<Case>{
           {"beta: 2", "beta: 0", "model.sequential.layers[1].softplus.beta OUT_OF_RANGE"},
           {"factor: 3", "factor: -1", "objective.fourth_power.factor OUT_OF_RANGE"},
           {"scale: 2", "scale: 0", "objective.penalties[0].log.scale OUT_OF_RANGE"},
           {"weight { constant: 1e-5 }", "", "objective.penalties[0].log.weight MISSING_FIELD"},
           {"initial: 0.02", "", "optimizer.sign_descent.step_size.halving.initial MISSING_FIELD"},
           {"initial: 0.02", "initial: -1",
            "optimizer.sign_descent.step_size.halving.initial OUT_OF_RANGE"},
           {"length { constant: 2 }", "length { constant: 0 }",
            "optimizer.wrappers[0].unit_gradient.length.constant OUT_OF_RANGE"},
           {"examples: 64", "", "data.train.squares.examples MISSING_FIELD"},
           {"distance: 0.2", "distance: -1",
            "evaluation.metrics[0].within.distance OUT_OF_RANGE"}}) {
    EXPECT_THAT(Problems(absl::StrReplaceAll(kLearning, {{c.right, c.wrong}})),
                Contains(c.problem));
  }
  EXPECT_THAT(Problems(absl::StrReplaceAll(kMinimizing, {{"centre: [1, -2]", ""}})),
              Contains("objective.function.bowl.centre OUT_OF_RANGE"));
  EXPECT_THAT(Problems(absl::StrReplaceAll(kMinimizing, {{"0.25", "1"}})),
              Contains("optimizer.lbfgs.line_search.shrinking.contraction OUT_OF_RANGE"));
}

}  // namespace
}  // namespace descent::worker
