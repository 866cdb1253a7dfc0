// One node of a model's tree at run time, and how it is built from its options.
//
// A kind of layer is one small file: a plain option struct with
//   static constexpr std::string_view kind = "linear";
//   absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
// and a class derived from Layer, with its plan beside its forward if it has one. Nothing else
// needs to know of it (LayerOptions is type-erased).
//
// Layers are not thread-safe while their fields are being listed; `forward` is const.
#ifndef DESCENT_CORE_MODEL_LAYER_H_
#define DESCENT_CORE_MODEL_LAYER_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"
#include "core/model/fields.h"
#include "core/plan/plan_builder.h"

namespace descent {

// Of one example: without the batch dimension.
using Shape = std::vector<int64_t>;

// `[28, 28]`.
std::string ToString(const Shape& shape);

class Layer {
 public:
  virtual ~Layer() = default;
  // x: [batch, …] of the shape the layer was built for. Any batch size.
  virtual at::Tensor forward(const at::Tensor& x) const = 0;
  // The same with its vector–Jacobian product, as steps of a static plan; x: [batch, …]. None (the
  // default): the objective is differentiated by autograd.
  virtual PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const { return PlanTensor(); }
  virtual void fields(Fields& list) {}
  // A copy whose tensors are the same ones (a model binds them to memory of its own afterwards).
  virtual std::unique_ptr<Layer> Clone() const = 0;
};

// A layer as the summary of a model shows it.
struct LayerSummary {
  std::string name;    // path in the model: `hidden`, `body.0`; empty: the root
  std::string kind;    // `linear`
  Shape output_shape;  // without the batch dimension
  int64_t parameters = 0;
  bool plan = false;  // has a static plan; without: autograd
};

struct BuildContext;

struct BuiltLayer {
  std::unique_ptr<Layer> layer;
  Shape output_shape;
  // This layer's, then those of its children, in order; a container lists itself last.
  std::vector<LayerSummary> summaries;

  // With the layer's own summary at the end. Finds out whether it has a plan; throws
  // std::logic_error if its plan gives another shape.
  static BuiltLayer Of(const BuildContext& context, std::string_view kind,
                       std::unique_ptr<Layer> layer, Shape output_shape, int64_t parameters = 0,
                       std::vector<LayerSummary> children = {});
};

// Where a layer stands while the model is built.
struct BuildContext {
  std::string path;                   // of this layer; empty: the root
  std::string source = "the data";    // what its input comes from: "the data", "layer `0` (linear)"
  Shape input_shape;                  // what comes in
  at::ScalarType dtype = at::kFloat;  // floating point
  at::Device device = at::kCPU;       // meta: shapes only
  uint64_t seed = 0;                  // each parameter's draw is a function of seed and path

  // "layer `hidden` (linear)".
  std::string Describe(std::string_view kind) const;
  // INVALID_ARGUMENT "layer `1` (linear) <problem>, but layer `0` (linear) gives [32]".
  absl::Status Mismatch(std::string_view kind, const std::string& problem) const;
  // A parameter of this layer, uniform in [−bound, bound); bound = 0: zeros. INVALID_ARGUMENT
  // naming the layer if a dimension is < 1 or the number of bytes overflows.
  absl::StatusOr<at::Tensor> Uniform(std::string_view kind, std::string_view parameter,
                                     const Shape& shape, double bound) const;
};

template <class T>
concept LayerOptionsKind = requires(const T& options, const BuildContext& context) {
  { T::kind } -> std::convertible_to<std::string_view>;
  { options.Build(context) } -> std::same_as<absl::StatusOr<BuiltLayer>>;
};

// The options of any kind of layer, and its name. A value.
class LayerOptions {
 public:
  // Without a name: its position in its parent.
  template <LayerOptionsKind Options>
  LayerOptions(Options options)  // NOLINT(google-explicit-constructor): {Linear{…}, Relu{}}
      : LayerOptions(std::string(), std::move(options)) {}
  // Letters, digits, `_` and `-`; unique among its siblings.
  template <LayerOptionsKind Options>
  LayerOptions(std::string name, Options options)
      : name_(std::move(name)),
        kind_(Options::kind),
        build_([options = std::move(options)](const BuildContext& context) {
          return options.Build(context);
        }) {}

  const std::string& name() const { return name_; }
  std::string_view kind() const { return kind_; }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const { return build_(context); }

 private:
  std::string name_;
  std::string_view kind_;
  std::function<absl::StatusOr<BuiltLayer>(const BuildContext&)> build_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_H_
