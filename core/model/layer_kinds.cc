#include "core/model/layer_kinds.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/attention.h"
#include "core/model/batch_norm.h"
#include "core/model/conv.h"
#include "core/model/dropout.h"
#include "core/model/embedding.h"
#include "core/model/flatten.h"
#include "core/model/gelu.h"
#include "core/model/graph.h"
#include "core/model/group_norm.h"
#include "core/model/layer.h"
#include "core/model/layer_norm.h"
#include "core/model/leaky_relu.h"
#include "core/model/linear.h"
#include "core/model/max_pool.h"
#include "core/model/mean_pool.h"
#include "core/model/options_visitor.h"
#include "core/model/recurrent.h"
#include "core/model/relu.h"
#include "core/model/reshape.h"
#include "core/model/residual.h"
#include "core/model/sequential.h"
#include "core/model/sigmoid.h"
#include "core/model/silu.h"
#include "core/model/softmax.h"
#include "core/model/tanh.h"

namespace descent {
namespace {

template <class Options>
class FormOf final : public LayerForm {
 public:
  void Describe(OptionsVisitor& visit) override { options_.Describe(visit); }
  LayerOptions Make(std::string name) const override { return {std::move(name), options_}; }

 private:
  Options options_;
};

struct Kind {
  std::string_view name;
  std::unique_ptr<LayerForm> (*make)();
};

template <class Options>
constexpr Kind KindOf() {
  return {Options::kind,
          []() -> std::unique_ptr<LayerForm> { return std::make_unique<FormOf<Options>>(); }};
}

constexpr Kind kKinds[] = {
    // With parameters.
    KindOf<Linear>(),
    KindOf<Conv1d>(),
    KindOf<Conv2d>(),
    KindOf<Embedding>(),
    KindOf<PositionalEmbedding>(),
    KindOf<MultiHeadAttention>(),
    KindOf<Lstm>(),
    KindOf<Gru>(),
    // Pooling.
    KindOf<MaxPool1d>(),
    KindOf<MaxPool2d>(),
    KindOf<AvgPool1d>(),
    KindOf<AvgPool2d>(),
    KindOf<AdaptiveAvgPool1d>(),
    KindOf<AdaptiveAvgPool2d>(),
    // Element-wise.
    KindOf<Relu>(),
    KindOf<LeakyRelu>(),
    KindOf<Gelu>(),
    KindOf<Silu>(),
    KindOf<Tanh>(),
    KindOf<Sigmoid>(),
    KindOf<Softmax>(),
    KindOf<LogSoftmax>(),
    KindOf<Dropout>(),
    // Shapes.
    KindOf<Flatten>(),
    KindOf<Reshape>(),
    // Normalization.
    KindOf<LayerNorm>(),
    KindOf<GroupNorm>(),
    KindOf<BatchNorm>(),
    // Containers.
    KindOf<Sequential>(),
    KindOf<Residual>(),
    KindOf<Graph>(),
};

}  // namespace

std::unique_ptr<LayerForm> NewLayer(std::string_view kind) {
  for (const Kind& known : kKinds) {
    if (known.name == kind) return known.make();
  }
  return nullptr;
}

std::vector<std::string_view> LayerKinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

}  // namespace descent
