#include "server/worker/spec/layer_reader.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/model/graph.h"
#include "core/model/initializer_kinds.h"
#include "core/model/layer_kinds.h"
#include "core/model/options_visitor.h"
#include "core/text/utf8.h"
#include "server/worker/spec/message_fields.h"

namespace descent::worker {
namespace {

using google::protobuf::Message;

constexpr int kMaxDepth = 16;
constexpr int kMaxLayers = 10'000;
// Of one dimension; products are checked where memory is counted.
constexpr int64_t kMaxDimension = int64_t{1} << 40;

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '-';
         });
}

std::string Join(const std::string& path, const std::string& name) {
  return absl::StrCat(path, path.empty() ? "" : ".", name);
}

// Reads what was given into the options, fills in the rest, reports what is wrong.
class OptionsReader final : public OptionsVisitor {
 public:
  // Of the message at `field`, which is part of the layer at `path`.
  OptionsReader(Message* message, std::string field, std::string path, int depth,
                LayerReader* layers, Violations* violations)
      : message_(message),
        field_(std::move(field)),
        path_(std::move(path)),
        depth_(depth),
        layers_(layers),
        violations_(violations) {}

  void Count(const char* name, int64_t& count, int64_t least) override {
    if (message_.Has(name)) {
      count = message_.GetInteger(name);
      CheckCount(name, count, least);
    } else if (count < least) {
      Missing(name, "Give a number.");
    } else {
      message_.Set(name, count);
    }
  }
  void Inferred(const char* name, std::optional<int64_t>& count) override {
    if (!message_.Has(name)) return;
    count = message_.GetInteger(name);
    CheckCount(name, *count, 1);
  }
  void Counts(const char* name, std::vector<int64_t>& counts, int64_t least, Need need) override {
    const int size = message_.Size(name);
    if (size == 0 && need == Need::kRequired) return Missing(name, "Give at least one number.");
    if (size == 0) {
      for (const int64_t count : counts) message_.Add(name, count);
      return;
    }
    counts.clear();
    for (int i = 0; i < size; ++i) {
      counts.push_back(message_.GetInteger(name, i));
      CheckCount(absl::StrCat(name, "[", i, "]"), counts.back(), least);
    }
  }
  void Number(const Range& range, double& number) override {
    const std::string& name = range.field;
    if (!message_.Has(name)) return message_.Set(name, number);
    number = message_.GetDouble(name);
    if (absl::Status status = range.Check(number); !status.ok()) {
      Refuse(name, absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
    }
  }
  void Flag(const char* name, bool& flag) override {
    if (message_.Has(name)) flag = message_.GetBool(name);
    message_.Set(name, flag);
  }
  void Text(const char* name, std::string& text, Need need) override {
    if (message_.Has(name)) text = message_.GetText(name);
    if (text.empty() && need == Need::kRequired) return Missing(name, "Give a text.");
    if (text.empty()) return;
    message_.Set(name, text);
    const bool path = message_.Field(name)->options().GetExtension(api::file_path);
    if (path && (text[0] != '/' || text.find('\0') != std::string::npos)) {
      Refuse(name, "It is no absolute path; the server cannot know from which folder it counts.",
             "INVALID_PATH");
    }
  }
  void Start(const char* name, std::optional<Initializer>& initializer) override;
  void Inner(const char* name, std::optional<LayerOptions>& layer) override {
    if (!message_.Has(name)) return Missing(name, "Give a layer.");
    layer = Child(message_.Inner(name), Path(name), "0");
  }
  void Inners(const char* name, std::vector<LayerOptions>& layers) override;
  void Nodes(const char* name, std::vector<GraphNode>& nodes) override;

  // Nothing was refused.
  bool right() const { return right_; }

 private:
  std::string Path(const std::string& name) const { return absl::StrCat(field_, ".", name); }
  void Refuse(const std::string& name, const std::string& problem, const char* reason) {
    violations_->Add(Path(name), problem, reason);
    right_ = false;
  }
  void Missing(const std::string& name, const char* what) { Refuse(name, what, "MISSING_FIELD"); }
  void CheckCount(const std::string& name, int64_t value, int64_t least) {
    if (value >= least && value <= kMaxDimension) return;
    Refuse(name,
           absl::StrCat("It is ", value, ", but must be at least ", least,
                        value < least ? "" : " and at most 2^40", "."),
           "OUT_OF_RANGE");
  }

  // The layer of that message, which is called so unless it has a name.
  std::optional<LayerOptions> Child(Message* message, const std::string& field,
                                    const std::string& name) {
    auto* layer = static_cast<api::Layer*>(message);
    if (!layer->has_name()) layer->set_name(name);
    std::optional<LayerOptions> options =
        layers_->Read(layer, field, Join(path_, layer->name()), depth_ + 1);
    if (!options) right_ = false;
    return options;
  }

  std::optional<GraphNode> Node(Message* message, const std::string& field);

  MessageFields message_;
  const std::string field_;
  const std::string path_;
  const int depth_;
  LayerReader* const layers_;
  Violations* const violations_;
  bool right_ = true;
};

void OptionsReader::Start(const char* name, std::optional<Initializer>& initializer) {
  if (!message_.Has(name)) return;
  MessageFields start(message_.Inner(name));
  const auto* kind = start.Kind();
  if (kind == nullptr) {
    return Refuse(
        name, absl::StrCat("Give a number, or one of ", absl::StrJoin(start.Kinds(), ", "), "."),
        "MISSING_FIELD");
  }
  const std::unique_ptr<InitializerForm> form = NewInitializer(kind->name());
  if (kind->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
    // The only kind that is a plain number.
    initializer = ConstantInitializer{.value = start.GetDouble(kind->name())};
    return;
  }
  OptionsReader reader(start.Inner(kind->name()), absl::StrCat(Path(name), ".", kind->name()),
                       path_, depth_, layers_, violations_);
  form->Describe(reader);
  if (!reader.right()) right_ = false;
  initializer = form->Make();
}

void OptionsReader::Inners(const char* name, std::vector<LayerOptions>& layers) {
  const int size = message_.Size(name);
  if (size == 0) return Missing(name, "Give at least one layer.");
  std::set<std::string> names;
  for (int i = 0; i < size; ++i) {
    Message* message = message_.Inner(name, i);
    const std::string field = absl::StrCat(Path(name), "[", i, "]");
    std::optional<LayerOptions> layer = Child(message, field, absl::StrCat(i));
    const std::string& taken = static_cast<api::Layer*>(message)->name();
    if (!names.insert(taken).second) {
      violations_->Add(
          absl::StrCat(field, ".name"),
          absl::StrCat("Two layers beside each other are named \"", ShortUtf8(taken, 100), "\"."),
          "DUPLICATE_NAME");
      right_ = false;
    }
    if (layer) layers.push_back(*std::move(layer));
  }
}

void OptionsReader::Nodes(const char* name, std::vector<GraphNode>& nodes) {
  const int size = message_.Size(name);
  if (size == 0) return Missing(name, "Give at least one node.");
  for (int i = 0; i < size; ++i) {
    std::optional<GraphNode> node =
        Node(message_.Inner(name, i), absl::StrCat(Path(name), "[", i, "]"));
    if (node) nodes.push_back(*std::move(node));
  }
}

std::optional<GraphNode> OptionsReader::Node(Message* message, const std::string& field) {
  MessageFields node(message);
  const auto refuse = [&](const std::string& where, const std::string& problem,
                          const char* reason) -> std::optional<GraphNode> {
    violations_->Add(absl::StrCat(field, where), problem, reason);
    right_ = false;
    return std::nullopt;
  };
  if (!node.Has("name")) return refuse(".name", "Give the node's name.", "MISSING_FIELD");
  const std::string node_name = node.GetText("name");
  if (!IsName(node_name)) {
    return refuse(".name",
                  absl::StrCat("\"", ShortUtf8(node_name, 100),
                               "\" is no name: use 1 to 100 letters, digits, _ and -."),
                  "INVALID_NAME");
  }
  std::vector<std::string> inputs;
  for (int i = 0; i < node.Size("inputs"); ++i) inputs.push_back(node.GetText("inputs", i));
  const auto* kind = node.Kind();
  if (kind == nullptr) {
    return refuse("", absl::StrCat("Give one of ", absl::StrJoin(node.Kinds(), ", "), "."),
                  "MISSING_FIELD");
  }
  if (kind->name() == "add") return GraphNode{node_name, std::move(inputs), GraphAdd{}};
  if (kind->name() == "multiply") return GraphNode{node_name, std::move(inputs), GraphMultiply{}};
  if (kind->name() == "same_as") {
    return GraphNode{node_name, std::move(inputs), GraphSameAs{node.GetText("same_as")}};
  }
  if (kind->name() == "concat") {
    GraphConcat concat;
    OptionsReader reader(node.Inner("concat"), absl::StrCat(field, ".concat"), path_, depth_,
                         layers_, violations_);
    reader.Count("dimension", concat.dimension, 0);
    if (!reader.right()) right_ = false;
    return GraphNode{node_name, std::move(inputs), concat};
  }
  auto* layer = static_cast<api::Layer*>(node.Inner("layer"));
  if (layer->has_name() && layer->name() != node_name) {
    return refuse(".layer.name",
                  absl::StrCat("The layer is called \"", node_name,
                               "\" as its node is; leave out its own name."),
                  "CONFLICT");
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
      violations_->Add(field, absl::StrCat("More than ", kMaxLayers, " layers."), "TOO_LARGE");
    }
    return std::nullopt;
  }
  if (depth > kMaxDepth) {
    violations_->Add(field, absl::StrCat("Layers are nested more than ", kMaxDepth, " deep."),
                     "NESTING_TOO_DEEP");
    return std::nullopt;
  }
  bool right = true;
  if (layer->has_name() && !IsName(layer->name())) {
    violations_->Add(absl::StrCat(field, ".name"),
                     absl::StrCat("\"", ShortUtf8(layer->name(), 100),
                                  "\" is no name: use 1 to 100 letters, digits, _ and -."),
                     "INVALID_NAME");
    right = false;
  }
  MessageFields fields(layer);
  const auto* kind = fields.Kind();
  if (kind == nullptr) {
    violations_->Add(field,
                     absl::StrCat("The layer has no kind; give one of ",
                                  absl::StrJoin(fields.Kinds(), ", "), "."),
                     "MISSING_FIELD");
    return std::nullopt;
  }
  const std::unique_ptr<LayerForm> form = NewLayer(kind->name());
  if (form == nullptr) {
    violations_->Add(absl::StrCat(field, ".", kind->name()),
                     "This worker doesn't have layers of that kind.", "UNSUPPORTED");
    return std::nullopt;
  }
  Message* options = fields.Inner(kind->name());
  const std::string inside = absl::StrCat(field, ".", kind->name());
  places_.emplace(path, Place{inside, options});
  OptionsReader reader(options, inside, path, depth, this, violations_);
  form->Describe(reader);
  if (!right || !reader.right()) return std::nullopt;
  return form->Make(layer->name());
}

}  // namespace descent::worker
