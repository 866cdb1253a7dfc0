#include "core/model/sequential.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
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

  at::Tensor forward(const at::Tensor& x) const override {
    at::Tensor y = children_.front().layer->forward(x);
    for (size_t i = 1; i < children_.size(); ++i) y = children_[i].layer->forward(y);
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

bool IsName(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

}  // namespace

absl::StatusOr<BuiltLayer> Sequential::Build(const BuildContext& context) const {
  if (layers.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(context.Describe(kind), " has no layers; give at least one"));
  }
  std::vector<LayerSummary> summaries;
  std::vector<SequentialLayer::Child> children;
  std::set<std::string> names;
  int64_t parameters = 0;
  BuildContext inner = context;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string name = layers[i].name().empty() ? absl::StrCat(i) : layers[i].name();
    inner.path = absl::StrCat(context.path, context.path.empty() ? "" : ".", name);
    if (!IsName(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the name of ", inner.Describe(layers[i].kind()),
                       " may only have letters, digits, `_` and `-`"));
    }
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat("two layers of ", context.Describe(kind),
                                                     " are called `", name,
                                                     "`; give one another name"));
    }
    absl::StatusOr<BuiltLayer> child = layers[i].Build(inner);
    if (!child.ok()) return child.status();
    inner.source = inner.Describe(layers[i].kind());
    inner.input_shape = child->output_shape;
    if (__builtin_add_overflow(parameters, child->summaries.back().parameters, &parameters)) {
      return absl::InvalidArgumentError(
          absl::StrCat(context.Describe(kind), " has too many parameters to count"));
    }
    std::move(child->summaries.begin(), child->summaries.end(), std::back_inserter(summaries));
    children.push_back({name, std::move(child->layer)});
  }
  return BuiltLayer::Of(context, kind, std::make_unique<SequentialLayer>(std::move(children)),
                        inner.input_shape, parameters, std::move(summaries));
}

}  // namespace descent
