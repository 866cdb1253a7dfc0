#include "core/model/graph.h"

#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/IListRef.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/randn.h"
#include "core/model/layer_fault.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/residual.h"
#include "core/model/sequential.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(GraphTest, NodesHaveSeveralInputsAndShareParameters) {
  const absl::StatusOr<BuiltModel> built = BuildModel(
      {.root =
           Graph{
               .nodes = {{.name = "a", .operation = Linear{.out_features = 3}},
                         {.name = "b", .operation = GraphSameAs{"a"}},
                         {.name = "sum", .inputs = {"a", "b"}, .operation = GraphAdd{}},
                         {.name = "both", .inputs = {"sum", "input"}, .operation = GraphConcat{}}}},
       .input_shape = {3}});
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_THAT(built->output_shape, ElementsAre(6));
  EXPECT_EQ(built->parameters, 12);
  std::vector<std::string> names, lines;
  for (const Parameter& parameter : built->model.parameters()) names.push_back(parameter.name);
  EXPECT_THAT(names, ElementsAre("a.weight", "a.bias"));
  for (const LayerSummary& layer : built->layers) {
    lines.push_back(layer.name + " " + layer.kind + " " + std::to_string(layer.parameters));
  }
  EXPECT_THAT(lines,
              ElementsAre("a linear 12", "b same_as 0", "sum add 0", "both concat 0", " graph 12"));
  const auto p = built->model.parameters();
  const at::Tensor x = at::randn({4, 3});
  const at::Tensor a = at::linear(x, p[0].tensor, p[1].tensor);
  const at::Tensor b = at::linear(a, p[0].tensor, p[1].tensor);
  EXPECT_TRUE(at::equal(built->model(x), at::cat({a + b, x}, 1)));
  const Model copy = built->model;
  p[0].tensor.zero_();
  EXPECT_TRUE(at::equal(copy(x), at::cat({a + b, x}, 1)));
}

TEST(GraphTest, AnyNodeMayBeTheOutput) {
  const Graph graph{.nodes = {{.name = "a", .operation = Linear{.out_features = 3}},
                              {.name = "b", .operation = Relu{}}},
                    .output = "b"};
  EXPECT_TRUE(BuildModel({.root = graph, .input_shape = {3}}).ok());
}

// Gives the error's message, and the field that it is about.
std::string ErrorOf(std::vector<GraphNode> nodes, std::string output = "") {
  const absl::Status status =
      BuildModel({.root = Graph{.nodes = std::move(nodes), .output = std::move(output)},
                  .input_shape = {4}})
          .status();
  const auto fault = FaultOf(status);
  return std::string(status.message()) + (fault ? " @ " + fault->field : "");
}

TEST(GraphTest, WhatMakesNoSenseIsRefusedWithASentence) {
  const GraphNode a{.name = "a", .operation = Linear{.out_features = 4}};
  EXPECT_THAT(ErrorOf({}), HasSubstr("nodes: give at least one"));
  EXPECT_THAT(ErrorOf({{.name = "a", .inputs = {"b"}, .operation = Relu{}},
                       {.name = "b", .inputs = {"a"}, .operation = Relu{}}}),
              HasSubstr("node `a` has the input `b`, which is no node before it"));
  EXPECT_THAT(ErrorOf({{.name = "a", .inputs = {"a"}, .operation = Relu{}}}),
              HasSubstr("@ nodes[0].inputs[0]"));
  EXPECT_THAT(ErrorOf({a, {.name = "b", .inputs = {"input"}, .operation = Relu{}}}),
              HasSubstr("nothing uses node `a`"));
  EXPECT_THAT(ErrorOf({a, {.name = "b", .operation = Relu{}}}, "a"),
              HasSubstr("nothing uses node `b`"));
  EXPECT_THAT(ErrorOf({a}, "z"), HasSubstr("its output `z` is none of its nodes @ output"));
  EXPECT_THAT(ErrorOf({a, a}), HasSubstr("two of its layers are called `a`"));
  EXPECT_THAT(ErrorOf({{.name = "input", .operation = Relu{}}}), HasSubstr("`input` is the name"));
  EXPECT_THAT(ErrorOf({a, {.name = "b", .operation = GraphAdd{}}}),
              HasSubstr("node `b` joins its inputs; give at least two"));
  EXPECT_THAT(ErrorOf({a, {.name = "b", .inputs = {"a", "input"}, .operation = Relu{}}}),
              HasSubstr("is a layer, which has one input, but 2 are given"));
  EXPECT_THAT(ErrorOf({a, {.name = "b", .operation = GraphSameAs{"c"}}}),
              HasSubstr("is the same as `c`, which is no node with a layer before it"));
  const GraphNode small{.name = "s", .operation = Linear{.out_features = 3}};
  EXPECT_THAT(ErrorOf({small, {.name = "t", .operation = GraphSameAs{"s"}}}),
              HasSubstr("which takes [4], but layer `s` (linear) gives [3]"));
  EXPECT_THAT(ErrorOf({small, {.name = "b", .inputs = {"s", "input"}, .operation = GraphAdd{}}}),
              HasSubstr("don't fit together: layer `s` (linear) gives [3], but the data give [4]"));
  EXPECT_THAT(ErrorOf({a, {.name = "b", .inputs = {"a", "input"}, .operation = GraphConcat{1}}}),
              HasSubstr("joins along dimension 1, but layer `a` (linear) gives [4]"));
}

TEST(ResidualTest, ItsLayerKeepsTheShape) {
  const absl::Status status =
      BuildModel({.root = Residual{Linear{.out_features = 3}}, .input_shape = {4}}).status();
  EXPECT_THAT(status.ToString(), HasSubstr("layer `0` (linear) gives [3], but the data give [4]"));
}

}  // namespace
}  // namespace descent
