#include "server/worker/bridge/layer_reader.h"

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/fields/fields.h"
#include "core/model/graph.h"
#include "core/model/initializer_kinds.h"
#include "core/model/layer_kinds.h"
#include "core/text/utf8.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/field_reader.h"
#include "server/worker/bridge/message_fields.h"

namespace descent::worker {
namespace {

using google::protobuf::Message;

constexpr int kMaxDepth = 16;
constexpr int kMaxLayers = 10'000;

std::string Join(const std::string& path, const std::string& name) {
  return absl::StrCat(path, path.empty() ? "" : ".", name);
}

// Reads a layer's options, or an initializer's in them.
class OptionsReader final : public FieldReader {
 public:
  // Reads the message at `field`, which is part of the layer at `path`.
  OptionsReader(Message* message, std::string field, std::string path, int depth,
                LayerReader* layers, Violations* violations)
      : FieldReader(message, std::move(field), violations),
        path_(std::move(path)),
        depth_(depth),
        layers_(layers) {}

 private:
  void ReadInner(const Field& field) override {
    const std::string& name = field.name();
    if (auto* start = field.As<std::optional<Initializer>>()) return ReadStart(name, *start);
    if (auto* layer = field.As<std::optional<LayerOptions>>()) {
      *layer = Child(message().Inner(name), Path(name), "0");
    } else if (auto* layers = field.As<std::vector<LayerOptions>>()) {
      ReadLayers(name, *layers);
    } else if (auto* nodes = field.As<std::vector<GraphNode>>()) {
      ReadNodes(name, *nodes);
    }
  }
  void ReadStart(const std::string& name, std::optional<Initializer>& initializer);
  void ReadLayers(const std::string& name, std::vector<LayerOptions>& layers);
  void ReadNodes(const std::string& name, std::vector<GraphNode>& nodes);
  std::optional<GraphNode> ReadNode(Message* message, const std::string& field);

  // Gives the layer of that message, which is called so unless it has a name.
  std::optional<LayerOptions> Child(Message* message, const std::string& field,
                                    const std::string& name) {
    auto* layer = static_cast<api::Layer*>(message);
    if (!layer->has_name()) layer->set_name(name);
    std::optional<LayerOptions> options =
        layers_->Read(layer, field, Join(path_, layer->name()), depth_ + 1);
    if (!options) RefuseInner();
    return options;
  }

  const std::string path_;
  const int depth_;
  LayerReader* const layers_;
};

void OptionsReader::ReadStart(const std::string& name, std::optional<Initializer>& initializer) {
  MessageFields start(message().Inner(name));
  const auto* kind = start.Kind();
  if (kind == nullptr) {
    return Refuse(
        name, absl::StrCat("Give a number, or one of ", absl::StrJoin(start.Kinds(), ", "), "."),
        reason::kMissingField);
  }
  const std::unique_ptr<InitializerForm> form = NewInitializer(kind->name());
  if (kind->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
    // This is the only kind that is a plain number.
    initializer = ConstantInitializer{.value = start.Get<double>(kind->name())};
    return;
  }
  OptionsReader reader(start.Inner(kind->name()), absl::StrCat(Path(name), ".", kind->name()),
                       path_, depth_, layers_, violations());
  if (!reader.Read(form->fields())) RefuseInner();
  initializer = form->Make();
}

void OptionsReader::ReadLayers(const std::string& name, std::vector<LayerOptions>& layers) {
  std::set<std::string> names;
  for (int i = 0; i < message().Size(name); ++i) {
    Message* inner = message().Inner(name, i);
    const std::string place = absl::StrCat(name, "[", i, "]");
    std::optional<LayerOptions> layer = Child(inner, Path(place), absl::StrCat(i));
    const std::string& taken = static_cast<api::Layer*>(inner)->name();
    if (!names.insert(taken).second) {
      Refuse(
          absl::StrCat(place, ".name"),
          absl::StrCat("Two layers beside each other are named \"", ShortUtf8(taken, 100), "\"."),
          reason::kDuplicateName);
    }
    if (layer) layers.push_back(*std::move(layer));
  }
}

void OptionsReader::ReadNodes(const std::string& name, std::vector<GraphNode>& nodes) {
  for (int i = 0; i < message().Size(name); ++i) {
    std::optional<GraphNode> node =
        ReadNode(message().Inner(name, i), absl::StrCat(Path(name), "[", i, "]"));
    if (node) nodes.push_back(*std::move(node));
  }
}

std::optional<GraphNode> OptionsReader::ReadNode(Message* message, const std::string& field) {
  MessageFields node(message);
  const auto refuse = [&](const std::string& where, const std::string& problem,
                          const char* reason) -> std::optional<GraphNode> {
    violations()->Add(absl::StrCat(field, where), problem, reason);
    RefuseInner();
    return std::nullopt;
  };
  if (!node.Given("name")) return refuse(".name", "Give the node's name.", reason::kMissingField);
  const std::string node_name = node.Get<std::string>("name");
  if (!CheckName(absl::StrCat(field, ".name"), node_name, violations())) {
    RefuseInner();
    return std::nullopt;
  }
  std::vector<std::string> inputs;
  for (int i = 0; i < node.Size("inputs"); ++i)
    inputs.push_back(node.Get<std::string>("inputs", i));
  const auto* kind = node.Kind();
  if (kind == nullptr) {
    return refuse("", absl::StrCat("Give one of ", absl::StrJoin(node.Kinds(), ", "), "."),
                  reason::kMissingField);
  }
  if (kind->name() == "add") return GraphNode{node_name, std::move(inputs), GraphAdd{}};
  if (kind->name() == "multiply") return GraphNode{node_name, std::move(inputs), GraphMultiply{}};
  if (kind->name() == "same_as") {
    return GraphNode{node_name, std::move(inputs), GraphSameAs{node.Get<std::string>("same_as")}};
  }
  if (kind->name() == "concat") {
    GraphConcat concat;
    OptionsReader reader(node.Inner("concat"), absl::StrCat(field, ".concat"), path_, depth_,
                         layers_, violations());
    FieldList fields;
    fields(Count("dimension", 0), concat.dimension);
    if (!reader.Read(fields)) RefuseInner();
    return GraphNode{node_name, std::move(inputs), concat};
  }
  auto* layer = static_cast<api::Layer*>(node.Inner("layer"));
  if (layer->has_name() && layer->name() != node_name) {
    return refuse(".layer.name",
                  absl::StrCat("The layer is called \"", node_name,
                               "\" as its node is; leave out its own name."),
                  reason::kConflict);
  }
  std::optional<LayerOptions> options = Child(layer, absl::StrCat(field, ".layer"), node_name);
  if (!options) return std::nullopt;
  return GraphNode{node_name, std::move(inputs), *std::move(options)};
}

}  // namespace

std::optional<LayerOptions> LayerReader::Read(api::Layer* layer, const std::string& field,
                                              const std::string& path, int depth) {
  if (++layers_ > kMaxLayers) {
    if (layers_ == kMaxLayers + 1) {
      violations_->Add(field, absl::StrCat("More than ", kMaxLayers, " layers."),
                       reason::kTooLarge);
    }
    return std::nullopt;
  }
  if (depth > kMaxDepth) {
    violations_->Add(field, absl::StrCat("Layers are nested more than ", kMaxDepth, " deep."),
                     reason::kNestingTooDeep);
    return std::nullopt;
  }
  const bool right =
      !layer->has_name() || CheckName(absl::StrCat(field, ".name"), layer->name(), violations_);
  MessageFields fields(layer);
  const auto* kind = fields.Kind();
  if (kind == nullptr) {
    violations_->Add(field,
                     absl::StrCat("The layer has no kind; give one of ",
                                  absl::StrJoin(fields.Kinds(), ", "), "."),
                     reason::kMissingField);
    return std::nullopt;
  }
  const std::unique_ptr<LayerForm> form = NewLayer(kind->name());
  if (form == nullptr) {
    violations_->Add(absl::StrCat(field, ".", kind->name()),
                     "This worker doesn't have layers of that kind.", reason::kUnsupported);
    return std::nullopt;
  }
  Message* options = fields.Inner(kind->name());
  const std::string inside = absl::StrCat(field, ".", kind->name());
  places_.emplace(path, Place{inside, options});
  OptionsReader reader(options, inside, path, depth, this, violations_);
  if (!reader.Read(form->fields()) || !right) return std::nullopt;
  return form->Make().Named(layer->name());
}

}  // namespace descent::worker
