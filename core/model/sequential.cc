#include "core/model/sequential.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/children.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class SequentialLayer final : public Layer {
 public:
  struct Child {
    std::string name;
    std::unique_ptr<Layer> layer;
  };

  explicit SequentialLayer(std::vector<Child> children) : children_(std::move(children)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& pass) const override {
    at::Tensor y = children_.front().layer->forward(x, pass);
    for (size_t i = 1; i < children_.size(); ++i) y = children_[i].layer->forward(y, pass);
    return y;
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    PlanTensor y = x;
    for (const Child& child : children_) {
      y = child.layer->Plan(plan, y);
      if (!y) break;
    }
    return y;
  }
  void fields(Fields& list) override {
    for (Child& child : children_) list(child.name, *child.layer);
  }
  std::unique_ptr<Layer> Clone() const override {
    std::vector<Child> children;
    for (const Child& child : children_) children.push_back({child.name, child.layer->Clone()});
    return std::make_unique<SequentialLayer>(std::move(children));
  }

 private:
  std::vector<Child> children_;  // at least one
};

}  // namespace

absl::StatusOr<BuiltLayer> Sequential::Build(const BuildContext& context) const {
  std::vector<SequentialLayer::Child> layers_inside;
  Children children(context, kind);
  ChildInput x = ChildInput::Of(context);
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string name = layers[i].name().empty() ? absl::StrCat(i) : layers[i].name();
    absl::StatusOr<std::unique_ptr<Layer>> layer = children.Build(name, layers[i], &x);
    if (!layer.ok()) return layer.status();
    layers_inside.push_back({std::move(name), *std::move(layer)});
  }
  BuiltLayer built =
      BuiltLayer::Of(context, kind, std::make_unique<SequentialLayer>(std::move(layers_inside)),
                     std::move(x.shape), std::move(children.summaries));
  built.output_dtype = x.dtype;
  return built;
}

}  // namespace descent
