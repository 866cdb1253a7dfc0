#include "server/worker/bridge/model_spec.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/graph.h"
#include "core/model/initializer_kinds.h"
#include "core/model/layer_kinds.h"
#include "core/model/layers.h"
#include "tests/server/worker/bridge/declared_fields.h"

namespace descent::worker {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

TEST(ModelSpecTest, EachKindOfLayerDeclaresTheFieldsOfItsMessage) {
  for (const std::string_view kind : LayerKinds()) {
    const FieldDescriptor* field = api::Layer::descriptor()->FindFieldByName(std::string(kind));
    ASSERT_NE(field, nullptr) << kind;
    EXPECT_EQ(FieldsOfOptions(NewLayer(kind)->fields()), FieldsOfMessage(*field->message_type()))
        << kind;
  }
}

TEST(ModelSpecTest, EachKindOfInitializerDeclaresTheFieldsOfItsMessage) {
  const Descriptor* message = api::Initializer::descriptor();
  EXPECT_EQ(static_cast<int>(InitializerKinds().size()), message->field_count());
  for (const std::string_view kind : InitializerKinds()) {
    const FieldDescriptor* field = message->FindFieldByName(std::string(kind));
    ASSERT_NE(field, nullptr) << kind;
    if (kind == "constant") continue;  // a plain number
    EXPECT_EQ(FieldsOfOptions(NewInitializer(kind)->fields()),
              FieldsOfMessage(*field->message_type()))
        << kind;
  }
}

class ModelTest : public ::testing::Test {
 protected:
  // Gives `field reason` of the first violation for inputs of that shape; empty if there is none.
  std::string Violation(const std::string& text, const Shape& input = {3, 4}) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model_)) << text;
    Violations violations;
    ResolveLayers("model", &model_, &violations);
    if (violations.empty()) {
      ResolveShapes("model", input, at::kFloat, at::kFloat, &model_, &violations);
    }
    if (violations.empty()) return "";
    description_ = violations.list().front().description;
    return violations.list().front().field + " " + violations.list().front().reason;
  }

  api::Layer model_;
  std::string description_;
};

TEST_F(ModelTest, DefaultsAreFilledInAndResolvingAgainChangesNothing) {
  const std::string text = R"(sequential {
      layers { reshape { shape: [ -1 ] } }
      layers { residual { layer { sequential {
          layers { linear { out_features: 12 weight_init { kaiming_normal {} } } }
          layers { gelu {} } layers { dropout {} } layers { leaky_relu {} } } } } }
      layers { batch_norm {} } layers { layer_norm {} } layers { group_norm { groups: 3 } }
      layers { name: "last" graph {
          nodes { name: "a" layer { linear { out_features: 2 bias_init { constant: 1 } } } }
          nodes { name: "b" inputs: "input" layer { tanh {} } }
          nodes { name: "c" inputs: [ "a", "b" ] concat {} } } } })";
  ASSERT_EQ(Violation(text), "") << description_;
  const auto& layers = model_.sequential().layers();
  const api::Layer& inner = layers[1].residual().layer();
  EXPECT_EQ(inner.name(), "0");
  EXPECT_EQ(inner.sequential().layers(0).linear().in_features(), 12);
  EXPECT_EQ(inner.sequential().layers(0).linear().weight_init().kaiming_normal().gain(), M_SQRT2);
  EXPECT_TRUE(inner.sequential().layers(1).gelu().has_tanh());
  EXPECT_EQ(inner.sequential().layers(2).dropout().p(), 0.5);
  EXPECT_EQ(inner.sequential().layers(3).leaky_relu().negative_slope(), 0.01);
  EXPECT_EQ(layers[2].batch_norm().momentum(), 0.1);
  EXPECT_EQ(layers[3].layer_norm().epsilon(), 1e-5);
  EXPECT_TRUE(layers[4].group_norm().affine());
  EXPECT_EQ(layers[5].graph().nodes(0).layer().linear().in_features(), 12);
  EXPECT_EQ(layers[5].graph().nodes(2).concat().dimension(), 0);
  const std::string once = model_.DebugString();
  EXPECT_EQ(Violation(once), "");
  EXPECT_EQ(model_.DebugString(), once);
  const absl::StatusOr<BuiltModel> built =
      BuildModel({.root = ToLayerOptions(model_), .input_shape = {3, 4}});
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->output_shape, Shape{14});
  EXPECT_EQ(built->model.parameters()[0].name, "1.0.0.weight");
}

TEST_F(ModelTest, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(Violation("dropout { p: 1 }"), "model.dropout.p OUT_OF_RANGE");
  EXPECT_EQ(Violation("group_norm {}"), "model.group_norm.groups MISSING_FIELD");
  EXPECT_EQ(Violation("group_norm { groups: 2 }"), "model.group_norm.groups SHAPE_MISMATCH");
  EXPECT_EQ(Violation("reshape {}"), "model.reshape.shape MISSING_FIELD");
  EXPECT_EQ(Violation("reshape { shape: [ 5 ] }"), "model.reshape.shape SHAPE_MISMATCH");
  EXPECT_EQ(Violation("reshape { shape: [ 3, -2 ] }"), "model.reshape.shape[1] OUT_OF_RANGE");
  EXPECT_EQ(Violation("reshape { shape: [ -1, -1 ] }"), "model.reshape.shape OUT_OF_RANGE");
  EXPECT_EQ(Violation("residual {}"), "model.residual.layer MISSING_FIELD");
  EXPECT_EQ(Violation("residual { layer { flatten {} } }"), "model.residual SHAPE_MISMATCH");
  EXPECT_EQ(Violation("linear { out_features: 2 weight_init {} }"),
            "model.linear.weight_init MISSING_FIELD");
  EXPECT_EQ(Violation("linear { out_features: 2 weight_init { normal { std: -1 } } }"),
            "model.linear.weight_init.normal.std OUT_OF_RANGE");
  EXPECT_EQ(Violation("linear { out_features: 2 weight_init { file { path: 'a' } } }"),
            "model.linear.weight_init.file.path INVALID_PATH");
  EXPECT_EQ(Violation("linear { out_features: 2 weight_init { file { path: '/none' } } }"),
            "model.linear.weight_init INVALID_INITIALIZER");
  EXPECT_NE(description_.find("/none"), std::string::npos) << description_;
  EXPECT_EQ(Violation("sequential { layers { flatten {} } layers { linear { in_features: 5 "
                      "out_features: 2 } } }"),
            "model.sequential.layers[1].linear.in_features SHAPE_MISMATCH");
}

TEST_F(ModelTest, NamesTheNodeOfAGraphThatIsWrong) {
  const auto graph = [&](const std::string& nodes) { return Violation("graph { " + nodes + " }"); };
  EXPECT_EQ(graph(""), "model.graph.nodes MISSING_FIELD");
  EXPECT_EQ(graph("nodes { layer { relu {} } }"), "model.graph.nodes[0].name MISSING_FIELD");
  EXPECT_EQ(graph("nodes { name: 'a.b' layer { relu {} } }"),
            "model.graph.nodes[0].name INVALID_NAME");
  EXPECT_EQ(graph("nodes { name: 'a' }"), "model.graph.nodes[0] MISSING_FIELD");
  EXPECT_EQ(graph("nodes { name: 'a' inputs: 'b' layer { relu {} } }"),
            "model.graph.nodes[0].inputs[0] INVALID_GRAPH");
  EXPECT_EQ(graph("nodes { name: 'a' layer { name: 'b' relu {} } }"),
            "model.graph.nodes[0].layer.name CONFLICT");
  EXPECT_EQ(graph("nodes { name: 'a' layer { linear {} } }"),
            "model.graph.nodes[0].layer.linear.out_features MISSING_FIELD");
  EXPECT_EQ(graph("nodes { name: 'a' layer { relu {} } } output: 'b'"),
            "model.graph.output INVALID_GRAPH");
  EXPECT_EQ(graph("nodes { name: 'a' layer { flatten {} } } "
                  "nodes { name: 'b' inputs: ['a', 'input'] add {} }"),
            "model.graph.nodes[1].inputs[1] INVALID_GRAPH");
}

}  // namespace
}  // namespace descent::worker
