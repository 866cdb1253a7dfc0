#include "server/worker/spec/model_spec.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/model/flatten.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"

namespace descent::worker {
namespace {

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

class LayerResolver {
 public:
  explicit LayerResolver(Violations* violations) : violations_(violations) {}

  void Resolve(api::Layer* layer, const std::string& field, int depth) {
    if (++layers_ > kMaxLayers) {
      if (layers_ == kMaxLayers + 1) {
        violations_->Add(field, absl::StrCat("More than ", kMaxLayers, " layers."), "TOO_LARGE");
      }
      return;
    }
    if (depth > kMaxDepth) {
      violations_->Add(field, absl::StrCat("Layers are nested more than ", kMaxDepth, " deep."),
                       "NESTING_TOO_DEEP");
      return;
    }
    if (layer->has_name() && !IsName(layer->name())) {
      violations_->Add(absl::StrCat(field, ".name"),
                       absl::StrCat("\"", layer->name().substr(0, 100),
                                    "\" is no name: use 1 to 100 letters, digits, _ and -."),
                       "INVALID_NAME");
    }
    switch (layer->kind_case()) {
      case api::Layer::kLinear:
        return ResolveLinear(layer->mutable_linear(), absl::StrCat(field, ".linear"));
      case api::Layer::kSequential:
        return ResolveSequential(layer->mutable_sequential(), absl::StrCat(field, ".sequential"),
                                 depth);
      case api::Layer::kRelu:
      case api::Layer::kFlatten:
        return;
      case api::Layer::KIND_NOT_SET:
        violations_->Add(field,
                         "The layer has no kind; give one of linear, relu, sequential and flatten.",
                         "MISSING_FIELD");
        return;
      default:
        violations_->Add(field, "This worker does not have it.", "UNSUPPORTED");
    }
  }

 private:
  void CheckDimension(int64_t value, const std::string& field) {
    if (value >= 1 && value <= kMaxDimension) return;
    violations_->Add(field,
                     absl::StrCat("It is ", value, ", but must be at least 1",
                                  value < 1 ? "" : " and at most 2^40", "."),
                     "OUT_OF_RANGE");
  }

  void ResolveLinear(api::Linear* linear, const std::string& field) {
    if (linear->has_in_features()) {
      CheckDimension(linear->in_features(), absl::StrCat(field, ".in_features"));
    }
    if (!linear->has_out_features()) {
      violations_->Add(absl::StrCat(field, ".out_features"),
                       "A linear layer needs its number of outputs.", "MISSING_FIELD");
    } else {
      CheckDimension(linear->out_features(), absl::StrCat(field, ".out_features"));
    }
    if (!linear->has_bias()) linear->set_bias(true);
  }

  void ResolveSequential(api::Sequential* sequential, const std::string& field, int depth) {
    if (sequential->layers().empty()) {
      violations_->Add(absl::StrCat(field, ".layers"), "Give at least one layer.", "MISSING_FIELD");
    }
    std::set<std::string> names;
    for (int i = 0; i < sequential->layers_size(); ++i) {
      api::Layer* layer = sequential->mutable_layers(i);
      const std::string inner = absl::StrCat(field, ".layers[", i, "]");
      if (!layer->has_name()) layer->set_name(absl::StrCat(i));
      if (!names.insert(layer->name()).second) {
        violations_->Add(absl::StrCat(inner, ".name"),
                         absl::StrCat("Two layers beside each other are named \"",
                                      layer->name().substr(0, 100), "\"."),
                         "DUPLICATE_NAME");
      }
      Resolve(layer, inner, depth + 1);
    }
  }

  Violations* const violations_;
  int layers_ = 0;
};

class ShapeResolver {
 public:
  explicit ShapeResolver(Violations* violations) : violations_(violations) {}

  // The output shape, unless something does not fit.
  std::optional<Shape> Resolve(const BuildContext& context, const std::string& field,
                               api::Layer* layer) {
    if (layer->kind_case() == api::Layer::kSequential) {
      return ResolveSequential(context, absl::StrCat(field, ".sequential"),
                               layer->mutable_sequential());
    }
    const LayerOptions options = ToLayerOptions(*layer);
    const std::string kind(options.kind());
    try {
      absl::StatusOr<BuiltLayer> built = options.Build(context);
      if (built.ok()) {
        if (layer->has_linear()) layer->mutable_linear()->set_in_features(context.input_shape[0]);
        return built->output_shape;
      }
      const bool in_features = layer->has_linear() && layer->linear().has_in_features() &&
                               context.input_shape.size() == 1 &&
                               layer->linear().in_features() != context.input_shape[0];
      violations_->Add(
          absl::StrCat(field, ".", kind, in_features ? ".in_features" : ""),
          absl::StrCat(std::string(built.status().message()), "."),
          in_features || context.input_shape.size() != 1 ? "SHAPE_MISMATCH" : "TOO_LARGE");
    } catch (const std::exception& error) {
      violations_->Add(absl::StrCat(field, ".", kind), error.what(), "TOO_LARGE");
    }
    return std::nullopt;
  }

 private:
  std::optional<Shape> ResolveSequential(const BuildContext& context, const std::string& field,
                                         api::Sequential* sequential) {
    BuildContext inner = context;
    for (int i = 0; i < sequential->layers_size(); ++i) {
      api::Layer* layer = sequential->mutable_layers(i);
      inner.path = absl::StrCat(context.path, context.path.empty() ? "" : ".", layer->name());
      std::optional<Shape> shape = Resolve(inner, absl::StrCat(field, ".layers[", i, "]"), layer);
      if (!shape) return std::nullopt;
      inner.source = inner.Describe(ToLayerOptions(*layer).kind());
      inner.input_shape = *std::move(shape);
    }
    return inner.input_shape;
  }

  Violations* const violations_;
};

}  // namespace

void ResolveLayers(api::Layer* model, Violations* violations) {
  LayerResolver(violations).Resolve(model, "model", 1);
}

bool ResolveShapes(const Shape& input_shape, at::ScalarType dtype, api::Layer* model,
                   Violations* violations) {
  BuildContext context;
  context.input_shape = input_shape;
  context.dtype = dtype;
  context.device = at::kMeta;
  return ShapeResolver(violations).Resolve(context, "model", model).has_value();
}

LayerOptions ToLayerOptions(const api::Layer& layer) {
  switch (layer.kind_case()) {
    case api::Layer::kLinear: {
      Linear linear{.out_features = layer.linear().out_features(), .bias = layer.linear().bias()};
      if (layer.linear().has_in_features()) linear.in_features = layer.linear().in_features();
      return {layer.name(), linear};
    }
    case api::Layer::kSequential: {
      Sequential sequential;
      for (const api::Layer& inner : layer.sequential().layers()) {
        sequential.layers.push_back(ToLayerOptions(inner));
      }
      return {layer.name(), std::move(sequential)};
    }
    case api::Layer::kFlatten:
      return {layer.name(), Flatten{}};
    case api::Layer::kRelu:
    default:  // refused before
      break;
  }
  return {layer.name(), Relu{}};
}

}  // namespace descent::worker
