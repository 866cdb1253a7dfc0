#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <variant>

#include "server/worker/bridge/prepare.h"
#include "tests/server/worker/bridge/prepare_fixture.h"

namespace descent::worker {
namespace {

TEST_F(PrepareTest, StopTestsMustBeInRange) {
  EXPECT_EQ(After([](api::Spec* spec) { spec->mutable_stop_when()->set_gradient_norm(-1); }),
            "stop_when.gradient_norm OUT_OF_RANGE");
  EXPECT_EQ(After([](api::Spec* spec) { spec->mutable_stop_when()->set_evaluations(0); }),
            "stop_when.evaluations OUT_OF_RANGE");
  EXPECT_EQ(After([](api::Spec* spec) { spec->mutable_stop_when()->set_value_below(-1e300); }), "");
}

TEST_F(PrepareTest, BFloat16IsForOneModelOnData) {
  api::Spec spec = Spec();
  spec.mutable_execution()->set_dtype(api::Execution::BFLOAT16);
  const std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  // There are float32 parameters, gradient and two moments, and a copy of the first two in half as
  // many bytes.
  EXPECT_EQ(summary.memory_bytes(), 5 * summary.parameter_bytes());
  api::Spec function;
  function.mutable_objective()->mutable_function()->mutable_rosenbrock();
  function.mutable_optimizer()->mutable_lbfgs();
  function.set_iterations(3);
  EXPECT_EQ(FirstViolation(function), "");
  function.mutable_execution()->set_dtype(api::Execution::BFLOAT16);
  EXPECT_EQ(FirstViolation(function), "execution.dtype UNSUPPORTED");
}

TEST_F(PrepareTest, NamesTheFieldThatIsMissing) {
  EXPECT_EQ(After([](auto* s) { s->clear_model(); }), "model MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_objective(); }), "objective MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_optimizer(); }), "optimizer MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_data(); }), "data.train MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_epochs(); }), "iterations MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->mutable_optimizer()->mutable_heavy_ball(); }),
            "optimizer.heavy_ball.step_size MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->mutable_optimizer()->mutable_nesterov()->mutable_step_size(); }),
            "optimizer.nesterov.step_size MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) {
              s->mutable_model()->mutable_sequential()->mutable_layers(2)->clear_linear();
            }),
            "model.sequential.layers[2] MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) {
              s->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(2)
                  ->mutable_linear()
                  ->clear_out_features();
            }),
            "model.sequential.layers[2].linear.out_features MISSING_FIELD");
}

TEST_F(PrepareTest, NamesTheFieldThatIsOutOfRange) {
  const auto step_size = [](double value) {
    return [value](api::Spec* spec) {
      spec->mutable_optimizer()->mutable_adam()->mutable_step_size()->set_constant(value);
    };
  };
  for (double bad :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(After(step_size(bad)), "optimizer.adam.step_size.constant OUT_OF_RANGE");
  }
  EXPECT_EQ(After(step_size(0)), "");
  EXPECT_EQ(After([](auto* s) {
              s->mutable_optimizer()->mutable_adam()->mutable_beta1()->set_constant(1);
            }),
            "optimizer.adam.beta1.constant OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->mutable_optimizer()->mutable_adam()->set_epsilon(0); }),
            "optimizer.adam.epsilon OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) {
              auto* cosine =
                  s->mutable_optimizer()->mutable_adam()->mutable_step_size()->mutable_cosine();
              cosine->set_initial(1);
              cosine->set_final(-1);
            }),
            "optimizer.adam.step_size.cosine.final OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_epochs(0); }), "epochs OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_epochs(1'000'000'000'000); }), "epochs OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_iterations(int64_t{1} << 62); }), "iterations OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_iterations(7); }), "iterations CONFLICT");
  EXPECT_EQ(After([](auto* s) { s->mutable_data()->set_batch_size(0); }),
            "data.batch_size OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->mutable_data()->set_batch_size(101); }),
            "data.batch_size TOO_FEW_EXAMPLES");
  EXPECT_EQ(description_,
            "A batch is 101 examples, but the training data holds only 100. `batch_size: all` "
            "takes all there are.");
  EXPECT_EQ(After([](auto* s) { s->mutable_execution()->set_threads(0); }),
            "execution.threads OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->mutable_execution()->set_device("tpu"); }),
            "execution.device UNSUPPORTED");
}

// What is greater than zero as it is written, but not as it is computed with, guards nothing.
TEST_F(PrepareTest, RefusesNumbersThatTheDtypeDoesNotHold) {
  const auto adam = [](const char* fields) {
    return [fields](api::Spec* spec) {
      EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
          fields, spec->mutable_optimizer()->mutable_adam()));
    };
  };
  EXPECT_EQ(After(adam("epsilon: 1e-50")), "optimizer.adam.epsilon OUT_OF_RANGE");
  EXPECT_EQ(description_,
            "1e-50 is zero in FLOAT32, whose least number is 1.4e-45; "
            "execution.dtype FLOAT64 holds less.");
  EXPECT_EQ(After(adam("step_size { constant: 1e39 }")),
            "optimizer.adam.step_size.constant OUT_OF_RANGE");
  EXPECT_EQ(After(adam("step_size { list { values: [0.1, 1e39] } }")),
            "optimizer.adam.step_size.list.values[1] OUT_OF_RANGE");
  EXPECT_EQ(After(adam("step_size { constant: 1e-60 }")), "");  // where a schedule may end
  EXPECT_EQ(After([](api::Spec* spec) {
              spec->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(0)
                  ->mutable_linear()
                  ->mutable_weight_init()
                  ->mutable_normal()
                  ->set_std(1e300);
            }),
            "model.sequential.layers[0].linear.weight_init.normal.std OUT_OF_RANGE");
  EXPECT_EQ(After([&](api::Spec* spec) {
              adam("epsilon: 1e-50")(spec);
              spec->mutable_execution()->set_dtype(api::Execution::FLOAT64);
            }),
            "");
}

TEST_F(PrepareTest, NamesBothLayersThatDoNotFit) {
  EXPECT_EQ(After([](auto* s) {
              s->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(2)
                  ->mutable_linear()
                  ->set_in_features(5);
            }),
            "model.sequential.layers[2].linear.in_features SHAPE_MISMATCH");
  EXPECT_NE(description_.find("layer `2` (linear)"), std::string::npos) << description_;
  EXPECT_NE(description_.find("[5]"), std::string::npos) << description_;
  EXPECT_NE(description_.find("layer `1` (relu) gives [4]"), std::string::npos) << description_;
}

TEST_F(PrepareTest, RefusesDimensionsThatOverflowOrDoNotFitInMemory) {
  const auto out_features = [](int64_t value) {
    return [value](api::Spec* spec) {
      spec->mutable_model()
          ->mutable_sequential()
          ->mutable_layers(0)
          ->mutable_linear()
          ->set_out_features(value);
    };
  };
  const std::string field = "model.sequential.layers[0].linear.out_features OUT_OF_RANGE";
  EXPECT_EQ(After(out_features(0)), field);
  EXPECT_EQ(After(out_features(-3)), field);
  EXPECT_EQ(After(out_features(std::numeric_limits<int64_t>::max())), field);
  EXPECT_EQ(After(out_features(int64_t{1} << 40)), "model TOO_LARGE");
  EXPECT_EQ(After([&](auto* s) {
              out_features(int64_t{1} << 40)(s);
              s->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(2)
                  ->mutable_linear()
                  ->set_out_features(int64_t{1} << 40);
            }),
            "model.sequential.layers[2].linear TOO_LARGE");
}

TEST_F(PrepareTest, RefusesBadNames) {
  const auto name = [](const std::string& value) {
    return [value](api::Spec* spec) {
      spec->mutable_model()->mutable_sequential()->mutable_layers(1)->set_name(value);
    };
  };
  EXPECT_EQ(After(name("")), "model.sequential.layers[1].name INVALID_NAME");
  EXPECT_EQ(After(name("a.b")), "model.sequential.layers[1].name INVALID_NAME");
  EXPECT_EQ(After(name("hidden")), "model.sequential.layers[1].name DUPLICATE_NAME");
  EXPECT_EQ(After(name("2")), "model.sequential.layers[2].name DUPLICATE_NAME");
}

TEST_F(PrepareTest, RefusesDeepNesting) {
  EXPECT_EQ(After([](auto* s) {
              api::Layer* layer = s->mutable_model();
              layer->Clear();
              for (int i = 0; i < 100; ++i) layer = layer->mutable_sequential()->add_layers();
              layer->mutable_relu();
            }).substr(0, 16),
            "model.sequential");
  EXPECT_NE(description_.find("deep"), std::string::npos);
}

TEST_F(PrepareTest, RefusesUnknownFieldsAtAnyDepth) {
  EXPECT_EQ(After([](auto* s) {
              api::Linear* linear =
                  s->mutable_model()->mutable_sequential()->mutable_layers(2)->mutable_linear();
              linear->GetReflection()->MutableUnknownFields(linear)->AddVarint(99, 1);
            }),
            "model.sequential.layers[2].linear UNKNOWN_FIELD");
}

}  // namespace
}  // namespace descent::worker
