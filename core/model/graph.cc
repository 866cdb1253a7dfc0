#include "core/model/graph.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "c10/core/ScalarType.h"
#include "core/model/children.h"
#include "core/model/graph_layer.h"
#include "core/model/layer.h"

namespace descent {
namespace {

constexpr char kInput[] = "input";

// Gives "layer `0` (linear) gives [32]".
std::string Gives(const ChildInput& input) {
  return absl::StrCat(input.source, input.source == "the data" ? " give " : " gives ",
                      ToString(input.shape));
}

class GraphBuilder {
 public:
  explicit GraphBuilder(const BuildContext& context)
      : context_(context), children_(context, Graph::kind) {
    Add(kInput, ChildInput::Of(context));
  }

  absl::Status Add(const GraphNode& given, size_t index) {
    const std::string field = absl::StrCat("nodes[", index, "]");
    if (given.name == kInput) {
      return Wrong(": `input` is the name of what the graph is given; give the node another one",
                   absl::StrCat(field, ".name"));
    }
    ComputedNode node{.name = given.name};
    if (absl::Status status = FindInputs(given, field, &node); !status.ok()) return status;
    ChildInput x = values_[node.inputs[0]];
    absl::Status status;
    if (const auto* layer = std::get_if<LayerOptions>(&given.operation)) {
      status = AddLayer(*layer, field, &node, &x);
    } else if (const auto* same_as = std::get_if<GraphSameAs>(&given.operation)) {
      status = AddSame(*same_as, field, &node, &x);
    } else {
      status = AddMerge(given, field, &node, &x);
    }
    if (!status.ok()) return status;
    Add(given.name, std::move(x));
    nodes_.push_back(std::move(node));
    return absl::OkStatus();
  }

  absl::StatusOr<BuiltLayer> Finish(const std::string& output) && {
    size_t last = nodes_.size();
    if (!output.empty()) {
      const auto found = numbers_.find(output);
      if (found == numbers_.end()) {
        return Wrong(absl::StrCat(": its output `", output, "` is none of its nodes"), "output");
      }
      last = found->second;
    }
    if (absl::Status status = CheckUse(last); !status.ok()) return status;
    ChildInput y = values_[last];
    BuiltLayer built =
        BuiltLayer::Of(context_, Graph::kind,
                       std::make_unique<GraphLayer>(std::move(layers_), std::move(nodes_), last),
                       std::move(y.shape), std::move(children_.summaries));
    built.output_dtype = y.dtype;
    return built;
  }

 private:
  absl::Status Wrong(const std::string& problem, const std::string& field) const {
    return context_.Wrong(Graph::kind, problem, field, FaultKind::kInvalidGraph);
  }

  void Add(const std::string& name, ChildInput value) {
    numbers_.emplace(name, values_.size());
    values_.push_back(std::move(value));
  }

  absl::Status FindInputs(const GraphNode& given, const std::string& field, ComputedNode* node) {
    for (size_t i = 0; i < given.inputs.size(); ++i) {
      const auto found = numbers_.find(given.inputs[i]);
      if (found == numbers_.end()) {
        return Wrong(absl::StrCat(": node `", given.name, "` has the input `", given.inputs[i],
                                  "`, which is no node before it; nodes come after their inputs, "
                                  "so that none depends on itself"),
                     absl::StrCat(field, ".inputs[", i, "]"));
      }
      node->inputs.push_back(found->second);
    }
    if (given.inputs.empty()) node->inputs.push_back(values_.size() - 1);
    const bool layer = std::holds_alternative<LayerOptions>(given.operation) ||
                       std::holds_alternative<GraphSameAs>(given.operation);
    if (layer && node->inputs.size() > 1) {
      return Wrong(absl::StrCat(": node `", given.name, "` is a layer, which has one input, but ",
                                node->inputs.size(),
                                " are given; join them by an add, multiply "
                                "or concat node"),
                   absl::StrCat(field, ".inputs"));
    }
    if (!layer && node->inputs.size() < 2) {
      return Wrong(absl::StrCat(": node `", given.name, "` joins its inputs; give at least two"),
                   absl::StrCat(field, ".inputs"));
    }
    return absl::OkStatus();
  }

  absl::Status AddLayer(const LayerOptions& options, const std::string&, ComputedNode* node,
                        ChildInput* x) {
    const ChildInput input = *x;
    absl::StatusOr<std::unique_ptr<Layer>> layer = children_.Build(node->name, options, x);
    if (!layer.ok()) return layer.status();
    node->layer = layers_.size();
    made_.emplace(node->name, Made{layers_.size(), input, *x});
    layers_.push_back({node->name, *std::move(layer)});
    return absl::OkStatus();
  }

  absl::Status AddSame(const GraphSameAs& same_as, const std::string& field, ComputedNode* node,
                       ChildInput* x) {
    const auto found = made_.find(same_as.node);
    if (found == made_.end()) {
      return Wrong(absl::StrCat(": node `", node->name, "` is the same as `", same_as.node,
                                "`, which is no node with a layer before it"),
                   absl::StrCat(field, ".same_as"));
    }
    const absl::StatusOr<BuildContext> inner = children_.Enter(node->name, "same_as", *x);
    if (!inner.ok()) return inner.status();
    const Made& made = found->second;
    if (x->shape != made.input.shape || x->dtype != made.input.dtype) {
      return Wrong(absl::StrCat(": node `", node->name, "` is the same as `", same_as.node,
                                "`, which takes ", ToString(made.input.shape), ", but ", Gives(*x)),
                   absl::StrCat(field, ".inputs"));
    }
    node->layer = made.layer;
    *x = made.output;
    Summarize(*inner, "same_as", x);
    return absl::OkStatus();
  }

  absl::Status AddMerge(const GraphNode& given, const std::string& field, ComputedNode* node,
                        ChildInput* x) {
    const auto* concat = std::get_if<GraphConcat>(&given.operation);
    const bool add = std::holds_alternative<GraphAdd>(given.operation);
    const char* kind = concat != nullptr ? "concat" : add ? "add" : "multiply";
    const absl::StatusOr<BuildContext> inner = children_.Enter(node->name, kind, *x);
    if (!inner.ok()) return inner.status();
    node->kind = concat != nullptr ? ComputedNode::Kind::kConcat
                 : add             ? ComputedNode::Kind::kAdd
                                   : ComputedNode::Kind::kMultiply;
    const auto rank = static_cast<int64_t>(x->shape.size());
    if (concat != nullptr && (concat->dimension < 0 || concat->dimension >= rank)) {
      return Wrong(absl::StrCat(": node `", node->name, "` joins along dimension ",
                                concat->dimension, ", but ", Gives(*x)),
                   absl::StrCat(field, ".concat.dimension"));
    }
    if (concat == nullptr && !c10::isFloatingType(x->dtype)) {
      return Wrong(
          absl::StrCat(": node `", given.name, "` (", kind, ") computes with real numbers, but ",
                       Gives(*x), " of indices; put an embedding before it"),
          field);
    }
    node->dimension = concat != nullptr ? concat->dimension + 1 : 0;
    for (size_t i = 1; i < node->inputs.size(); ++i) {
      const ChildInput& other = values_[node->inputs[i]];
      Shape adjusted = other.shape;
      const bool fits = concat == nullptr || other.shape.size() == x->shape.size();
      if (concat != nullptr && fits) adjusted[concat->dimension] = x->shape[concat->dimension];
      if (adjusted != x->shape || other.dtype != x->dtype) {
        return Wrong(absl::StrCat(": the inputs of node `", node->name, "` (", kind,
                                  ") don't fit together: ", Gives(values_[node->inputs[0]]),
                                  ", but ", Gives(other)),
                     absl::StrCat(field, ".inputs[", i, "]"));
      }
      if (concat != nullptr &&
          __builtin_add_overflow(x->shape[concat->dimension], other.shape[concat->dimension],
                                 &x->shape[concat->dimension])) {
        return Wrong(absl::StrCat(": node `", node->name, "` is too large to count"), field);
      }
    }
    Summarize(*inner, kind, x);
    return absl::OkStatus();
  }

  // Summarizes a node that has no layer of its own.
  void Summarize(const BuildContext& inner, const char* kind, ChildInput* x) {
    x->source = inner.Describe(kind);
    children_.summaries.push_back(
        {.name = inner.path, .kind = kind, .output_shape = x->shape, .plan = true});
  }

  // Checks that all nodes are needed.
  absl::Status CheckUse(size_t output) const {
    std::vector<bool> used(values_.size());
    used[output] = true;
    for (size_t i = nodes_.size(); i-- > 0;) {
      if (!used[i + 1]) {
        return Wrong(absl::StrCat(": nothing uses node `", nodes_[i].name,
                                  "`; name it among the inputs of another node, or leave it out"),
                     absl::StrCat("nodes[", i, "]"));
      }
      for (const size_t input : nodes_[i].inputs) used[input] = true;
    }
    return absl::OkStatus();
  }

  struct Made {
    size_t layer;
    ChildInput input, output;
  };

  const BuildContext& context_;
  Children children_;
  std::vector<NamedLayer> layers_;
  std::vector<ComputedNode> nodes_;
  std::vector<ChildInput> values_;
  std::map<std::string, size_t> numbers_;  // the numbers of values, by name
  std::map<std::string, Made> made_;       // what each node made, by name
};

}  // namespace

absl::StatusOr<BuiltLayer> Graph::Build(const BuildContext& context) const {
  GraphBuilder builder(context);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (absl::Status status = builder.Add(nodes[i], i); !status.ok()) return status;
  }
  return std::move(builder).Finish(output);
}

}  // namespace descent
