// A `Layer` is one node of a model's tree at run time; `LayerOptions` build it.
//
// A kind of layer is one small file: a plain option struct with
//   static constexpr std::string_view kind = "linear";
//   void Describe(FieldList& fields);                                      // core/fields
//   absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;   // of fields in range
//   static constexpr bool takes_indices = true;                            // optional
// and a class derived from Layer, with its plan beside its forward if it has one. Nothing else
// needs to know of it (LayerOptions is type-erased) but the list of kinds in layer_kinds.cc.
//
// Layers are not thread-safe while their fields are being listed; `forward` is const, and writes to
// listed states alone.
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
#include "core/fields/fields.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer_fault.h"
#include "core/model/pass.h"
#include "core/plan/plan_builder.h"

namespace descent {

// The shape of one example, without the batch dimension.
using Shape = std::vector<int64_t>;

// Gives `[28, 28]`.
std::string ToString(const Shape& shape);

class Layer {
 public:
  virtual ~Layer() = default;
  // x is [batch, …] of the shape the layer was built for, with any batch size.
  virtual at::Tensor forward(const at::Tensor& x, const Pass& pass) const = 0;
  // States the same in training, with its vector–Jacobian product, as steps of a static plan; x is
  // [batch, …]. An undefined result (the default) says that there is no plan: the objective is
  // differentiated by autograd.
  virtual PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const { return PlanTensor(); }
  virtual void fields(Fields& list) {}
  // Gives a copy whose tensors are the same ones (a model binds them to memory of its own
  // afterwards).
  virtual std::unique_ptr<Layer> Clone() const = 0;
};

// A layer as the summary of a model shows it.
struct LayerSummary {
  std::string name;    // the path in the model: `hidden`, `body.0`; empty: the root
  std::string kind;    // `linear`
  Shape output_shape;  // without the batch dimension
  int64_t parameters = 0;
  bool plan = false;  // has a static plan; without one it goes by autograd
  // What fields that follow from the input turned out to be, such as {"in_features", 784}.
  std::vector<std::pair<std::string, int64_t>> inferred = {};
};

struct BuildContext;

struct BuiltLayer {
  std::unique_ptr<Layer> layer;
  Shape output_shape;
  at::ScalarType output_dtype;
  // This layer's summary, then those of its children, in order; a container lists itself last.
  std::vector<LayerSummary> summaries;

  // Gives the layer with its own summary at the end and an output of the model's dtype. Finds out
  // how many parameters it has, and whether it has a plan; throws std::logic_error if its plan
  // gives another shape.
  static BuiltLayer Of(const BuildContext& context, std::string_view kind,
                       std::unique_ptr<Layer> layer, Shape output_shape,
                       std::vector<LayerSummary> children = {});

  // Notes in the layer's own summary what a field turned out to be.
  BuiltLayer&& Inferred(std::string field, int64_t value) && {
    summaries.back().inferred.emplace_back(std::move(field), value);
    return std::move(*this);
  }
};

// Where a layer stands while the model is built.
struct BuildContext {
  std::string path;                 // the path of this layer; empty: the root
  std::string source = "the data";  // what its input comes from: "the data", "layer `0` (linear)"
  Shape input_shape;                // the shape that comes in
  at::ScalarType input_dtype = at::kFloat;  // `dtype`, or integral for indices
  at::ScalarType dtype = at::kFloat;        // of the parameters; floating point
  at::Device device = at::kCPU;             // meta: shapes only
  // Where, and in which numbers, the objective computes that plans are for.
  at::Device compute_device = at::kCPU;
  at::ScalarType compute_dtype = at::kFloat;
  uint64_t seed = 0;  // each parameter's draw is a function of seed and path

  // Gives "layer `hidden` (linear)".
  std::string Describe(std::string_view kind) const;
  // Gives INVALID_ARGUMENT "layer `1` (linear) <problem>, but layer `0` (linear) gives [32]", with
  // a fault (layer_fault.h), which names the field if one is given.
  absl::Status Mismatch(std::string_view kind, const std::string& problem,
                        std::string_view field = "") const;
  // Gives INVALID_ARGUMENT "layer `1` (linear)<problem>", with a fault.
  absl::Status Wrong(std::string_view kind, const std::string& problem, std::string_view field = "",
                     FaultKind fault = FaultKind::kOutOfRange) const;
  // Makes a parameter of this layer, whose draw is a function of the seed and its name. Gives
  // INVALID_ARGUMENT naming the layer if a dimension is < 1, the number of bytes overflows, or the
  // initializer can't fill it.
  absl::StatusOr<at::Tensor> Parameter(std::string_view kind, std::string_view parameter,
                                       const Shape& shape, const Initializer& initializer,
                                       const Fans& fans = {}) const;
  // Gives the seed of the layer's own randomness in training: a function of the model's seed and
  // its path.
  uint64_t SeedOf(std::string_view purpose) const;
};

template <class T>
concept LayerOptionsKind = Declared<T> && requires(const T& options, const BuildContext& context) {
  { options.Build(context) } -> std::same_as<absl::StatusOr<BuiltLayer>>;
};

namespace internal {

// Gives OK, or the first field that is out of its range, as context.Wrong says it.
absl::Status CheckOptions(const BuildContext& context, std::string_view kind, bool takes_indices,
                          const FieldList& fields);

}  // namespace internal

// The options of any kind of layer, and its name. A value.
class LayerOptions {
 public:
  // Makes it without a name, so that its position in its parent is its name.
  template <LayerOptionsKind Options>
  LayerOptions(Options options)  // NOLINT(google-explicit-constructor): {Linear{…}, Relu{}}
      : LayerOptions(std::string(), std::move(options)) {}
  // Makes it with a name: letters, digits, `_` and `-`, unique among its siblings.
  template <LayerOptionsKind Options>
  LayerOptions(std::string name, Options options)
      : name_(std::move(name)),
        kind_(Options::kind),
        build_([options =
                    std::move(options)](const BuildContext& context) -> absl::StatusOr<BuiltLayer> {
          const absl::Status status = internal::CheckOptions(
              context, Options::kind, requires { Options::takes_indices; }, FieldsOf(options));
          if (!status.ok()) return status;
          return options.Build(context);
        }) {}

  // Gives the same options under another name.
  LayerOptions Named(std::string name) && {
    name_ = std::move(name);
    return std::move(*this);
  }

  const std::string& name() const { return name_; }
  std::string_view kind() const { return kind_; }
  // Gives INVALID_ARGUMENT naming the layer and what is wrong with it, with a fault
  // (layer_fault.h).
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const { return build_(context); }

 private:
  std::string name_;
  std::string_view kind_;
  std::function<absl::StatusOr<BuiltLayer>(const BuildContext&)> build_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_H_
