#include "core/model/graph_layer.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/IListRef.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/cat.h"
#include "core/plan/plan_builder.h"
#include "core/plan/steps.h"

namespace descent {

at::Tensor GraphLayer::forward(const at::Tensor& x, const Pass& pass) const {
  std::vector<at::Tensor> values = {x};
  for (const ComputedNode& node : nodes_) values.push_back(Compute(node, values, pass));
  return values[output_];
}

PlanTensor GraphLayer::Plan(PlanBuilder& plan, const PlanTensor& x) const {
  std::vector<PlanTensor> values = {x};
  for (const ComputedNode& node : nodes_) {
    values.push_back(State(node, values, plan));
    if (!values.back()) return PlanTensor();
  }
  return values[output_];
}

void GraphLayer::fields(Fields& list) {
  for (NamedLayer& layer : layers_) list(layer.name, *layer.layer);
}

std::unique_ptr<Layer> GraphLayer::Clone() const {
  std::vector<NamedLayer> layers;
  for (const NamedLayer& layer : layers_) layers.push_back({layer.name, layer.layer->Clone()});
  return std::make_unique<GraphLayer>(std::move(layers), nodes_, output_);
}

at::Tensor GraphLayer::Compute(const ComputedNode& node, const std::vector<at::Tensor>& values,
                               const Pass& pass) const {
  const at::Tensor& first = values[node.inputs[0]];
  if (node.kind == ComputedNode::Kind::kLayer) {
    return layers_[node.layer].layer->forward(first, pass);
  }
  if (node.kind == ComputedNode::Kind::kConcat) {
    std::vector<at::Tensor> parts;
    for (const size_t input : node.inputs) parts.push_back(values[input]);
    return at::cat(parts, node.dimension);
  }
  at::Tensor y = first;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const at::Tensor& other = values[node.inputs[i]];
    y = node.kind == ComputedNode::Kind::kAdd ? y + other : y * other;
  }
  return y;
}

PlanTensor GraphLayer::State(const ComputedNode& node, const std::vector<PlanTensor>& values,
                             PlanBuilder& plan) const {
  std::vector<PlanTensor> inputs;
  for (const size_t input : node.inputs) inputs.push_back(values[input]);
  switch (node.kind) {
    case ComputedNode::Kind::kAdd:
      return PlanSum(plan, inputs);
    case ComputedNode::Kind::kMultiply:
      return PlanProduct(plan, inputs);
    case ComputedNode::Kind::kConcat:
      return PlanConcat(plan, inputs, static_cast<size_t>(node.dimension));
    case ComputedNode::Kind::kLayer:
      break;
  }
  return layers_[node.layer].layer->Plan(plan, inputs[0]);
}

}  // namespace descent
