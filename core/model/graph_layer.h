// A `GraphLayer` is what a graph does at run time; graph.cc has checked the nodes and built their
// layers. Private to core/model.
#ifndef DESCENT_CORE_MODEL_GRAPH_LAYER_H_
#define DESCENT_CORE_MODEL_GRAPH_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/plan/plan_builder.h"

namespace descent {

// What a node does at run time. Values are numbered: 0 is the graph's input, i + 1 that of node i.
struct ComputedNode {
  enum class Kind : uint8_t { kLayer, kAdd, kMultiply, kConcat };

  std::string name;
  std::vector<size_t> inputs = {};
  Kind kind = Kind::kLayer;
  size_t layer = 0;       // the layer's place in the list
  int64_t dimension = 0;  // of a concatenation, counted with the batch
};

struct NamedLayer {
  std::string name;
  std::unique_ptr<Layer> layer;
};

class GraphLayer final : public Layer {
 public:
  // The output is the number of a value.
  GraphLayer(std::vector<NamedLayer> layers, std::vector<ComputedNode> nodes, size_t output)
      : layers_(std::move(layers)), nodes_(std::move(nodes)), output_(output) {}

  at::Tensor forward(const at::Tensor& x, const Pass& pass) const override;
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override;
  void fields(Fields& list) override;
  std::unique_ptr<Layer> Clone() const override;

 private:
  at::Tensor Compute(const ComputedNode& node, const std::vector<at::Tensor>& values,
                     const Pass& pass) const;
  PlanTensor State(const ComputedNode& node, const std::vector<PlanTensor>& values,
                   PlanBuilder& plan) const;

  std::vector<NamedLayer> layers_;
  std::vector<ComputedNode> nodes_;
  size_t output_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_GRAPH_LAYER_H_
