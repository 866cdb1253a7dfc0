#include "server/worker/bridge/prepare.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>

#include "tests/server/worker/bridge/prepare_fixture.h"

namespace descent::worker {
namespace {

TEST_F(PrepareTest, ResolvesEveryDefault) {
  std::variant<Prepared, Violations> result = Prepare(Spec(), &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::Spec& spec = std::get<Prepared>(result).spec;
  EXPECT_EQ(spec.data().batch_size(), 64);
  EXPECT_TRUE(spec.data().shuffle());
  EXPECT_EQ(spec.iterations(), 20);
  EXPECT_TRUE(spec.has_seed());
  EXPECT_EQ(spec.optimizer().adam().step_size().constant(), 0.001);
  EXPECT_EQ(spec.optimizer().adam().epsilon(), 1e-8);
  EXPECT_EQ(spec.model().sequential().layers(0).linear().in_features(), 3);
  EXPECT_TRUE(spec.model().sequential().layers(0).linear().bias());
  EXPECT_EQ(spec.model().sequential().layers(2).linear().in_features(), 4);
  EXPECT_EQ(spec.model().sequential().layers(2).name(), "2");
  EXPECT_EQ(spec.execution().device(), "cpu");
  EXPECT_EQ(spec.execution().dtype(), api::Execution::FLOAT32);
  EXPECT_EQ(spec.execution().threads(), 1);
  EXPECT_EQ(spec.checkpoints().every_iterations(), 2);  // an epoch, and a tenth of the run
  EXPECT_EQ(spec.checkpoints().keep(), 3);
  EXPECT_EQ(spec.evaluation().every_epochs(), 1);
  EXPECT_EQ(spec.retention().max_bytes(), 1 << 30);
  EXPECT_EQ(spec.on_non_finite(), api::Spec::STOP);
}

// It makes no step where a number is not finite.
TEST_F(PrepareTest, ARunThatSkipsWhatIsNotFiniteGoesOnThere) {
  std::variant<Prepared, Violations> result =
      Prepare(WithOptimizer("adam {} wrappers { skip_nonfinite {} }"), &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  EXPECT_EQ(std::get<Prepared>(result).spec.on_non_finite(), api::Spec::CONTINUE);
}

TEST_F(PrepareTest, ResolvingAgainChangesNothing) {
  std::variant<Prepared, Violations> once = Prepare(Spec(), &cache_);
  const api::Spec& spec = std::get<Prepared>(once).spec;
  std::variant<Prepared, Violations> twice = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(twice));
  EXPECT_EQ(std::get<Prepared>(twice).spec.DebugString(), spec.DebugString());
  EXPECT_EQ(std::get<Prepared>(twice).summary.DebugString(),
            std::get<Prepared>(once).summary.DebugString());
}

TEST_F(PrepareTest, SummarizesTheOptimizer) {
  std::variant<Prepared, Violations> result = Prepare(WithOptimizer(R"(
                  adam { step_size { cosine { initial: 0.5 } } }
                  groups { name: "bias" pattern: "*.bias" step_size { constant: 0.1 } }
                  groups { name: "last" pattern: "2.*" frozen: true })"),
                                                      &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  ASSERT_EQ(summary.groups_size(), 3);
  EXPECT_EQ(summary.groups(0).ShortDebugString(),
            "name: \"bias\" parameters: \"hidden.bias\" parameters: \"2.bias\" scalars: 7");
  EXPECT_EQ(summary.groups(1).ShortDebugString(),
            "name: \"last\" parameters: \"2.weight\" scalars: 12 frozen: true");
  EXPECT_EQ(summary.groups(2).ShortDebugString(), "parameters: \"hidden.weight\" scalars: 12");
  // The 31 numbers have 4 bytes each; there are the solution, two averages and the gradient.
  EXPECT_EQ(summary.memory_bytes(), 4 * 31 * 4);
  ASSERT_EQ(summary.step_size_preview_size(), 20);
  EXPECT_EQ(summary.step_size_preview(0).value(), 0.5);
  EXPECT_EQ(summary.step_size_preview(10).iteration(), 10);
  EXPECT_NEAR(summary.step_size_preview(10).value(), 0.25, 1e-15);
  EXPECT_EQ(summary.step_size_preview(19).iteration(), 19);

  api::Spec longer = Spec();
  longer.set_epochs(100'000'000'000);
  result = Prepare(longer, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const auto& points = std::get<Prepared>(result).summary.step_size_preview();
  EXPECT_LE(points.size(), 500);
  EXPECT_EQ(points[points.size() - 1].iteration(), 199'999'999'999);
}

TEST_F(PrepareTest, AFunctionNeedsNeitherModelNorData) {
  api::Spec spec;
  const auto parse = [&](const std::string& text) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  };
  parse("objective { function { rosenbrock {} } } optimizer { lbfgs {} } iterations: 50");
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result))
      << std::get<Violations>(result).list()[0].field;
  const Prepared& prepared = std::get<Prepared>(result);
  EXPECT_EQ(prepared.spec.objective().function().rosenbrock().dimension(), 2);
  EXPECT_EQ(prepared.spec.execution().dtype(), api::Execution::FLOAT64);
  EXPECT_FALSE(prepared.spec.has_data());
  EXPECT_FALSE(prepared.spec.has_model());
  EXPECT_EQ(prepared.summary.parameters(), 2);
  EXPECT_EQ(prepared.summary.iterations(), 50);
  EXPECT_EQ(prepared.summary.dials(0), "optimizer.lbfgs.step_size");
  std::variant<Prepared, Violations> again = Prepare(prepared.spec, &cache_);
  EXPECT_EQ(std::get<Prepared>(again).spec.DebugString(), prepared.spec.DebugString());

  auto trainer = MakeTrainer(std::get<Prepared>(std::move(result)));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_NEAR((*trainer)->Current()->value, 24.2, 1e-12);

  const auto first = [&](const std::string& text) {
    parse(text);
    return FirstViolation(spec);
  };
  const std::string rest = " optimizer { lbfgs {} } iterations: 50";
  EXPECT_EQ(first("objective { function {} }" + rest), "objective.function MISSING_FIELD");
  EXPECT_EQ(first("objective { function { rosenbrock { dimension: 1 } } }" + rest),
            "objective.function.rosenbrock.dimension OUT_OF_RANGE");
  EXPECT_EQ(first("objective { function { quadratic { diagonal: -1 } } }" + rest),
            "objective.function.quadratic.diagonal OUT_OF_RANGE");
  EXPECT_EQ(first("objective { function { beale {} start: 1 } }" + rest),
            "objective.function.start SHAPE_MISMATCH");
  EXPECT_EQ(first("objective { function { beale {} } } model { relu {} }" + rest),
            "model CONFLICT");
  EXPECT_EQ(first("objective { function { beale {} } } data { batch_size: 3 }" + rest),
            "data CONFLICT");
  EXPECT_EQ(first("objective { function { beale {} } } epochs: 3" + rest), "epochs CONFLICT");
}

TEST_F(PrepareTest, DrawsAnotherSeedEachTime) {
  std::variant<Prepared, Violations> a = Prepare(Spec(), &cache_);
  std::variant<Prepared, Violations> b = Prepare(Spec(), &cache_);
  EXPECT_NE(std::get<Prepared>(a).spec.seed(), std::get<Prepared>(b).spec.seed());
}

TEST_F(PrepareTest, SummarizesTheModelAndTheData) {
  std::variant<Prepared, Violations> result = Prepare(Spec(), &cache_);
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  EXPECT_EQ(summary.layers(0).name(), "hidden");
  EXPECT_EQ(summary.layers(0).kind(), "linear");
  EXPECT_EQ(summary.layers(0).output_shape(0), 4);
  EXPECT_TRUE(summary.layers(0).plan());
  EXPECT_EQ(summary.parameters(), 3 * 4 + 4 + 4 * 3 + 3);
  EXPECT_EQ(summary.parameter_bytes(), 4 * summary.parameters());
  // Adam has two moments.
  EXPECT_EQ(summary.memory_bytes(), 4 * summary.parameter_bytes());
  EXPECT_EQ(summary.train_examples(), 100);
  EXPECT_EQ(summary.test_examples(), 0);
  EXPECT_EQ(summary.iterations_per_epoch(), 2);
  EXPECT_EQ(summary.dials_size(), 3);
  EXPECT_EQ(summary.dials(2), "optimizer.adam.beta2");
  ASSERT_EQ(summary.digests_size(), 1);
  EXPECT_EQ(summary.digests(0).path(), table_);
}

TEST_F(PrepareTest, ACosineLastsAsLongAsTheRunByDefault) {
  api::Spec spec = Spec();
  spec.mutable_optimizer()->mutable_adam()->mutable_step_size()->mutable_cosine()->set_initial(1);
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  const api::CosineSequence& cosine =
      std::get<Prepared>(result).spec.optimizer().adam().step_size().cosine();
  EXPECT_EQ(cosine.iterations(), 20);
  EXPECT_TRUE(cosine.has_final());
}

}  // namespace
}  // namespace descent::worker
