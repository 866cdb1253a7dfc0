// `Model` is the tree of layers that a spec describes, built at run time.
//
//   auto built = BuildModel({.root = Sequential{{Flatten{}, Linear{.out_features = 128}, Relu{},
//                                                Linear{.out_features = 10}}},
//                            .input_shape = {28, 28}});
//   at::Tensor scores = built->model(images);
#ifndef DESCENT_CORE_MODEL_LAYERS_H_
#define DESCENT_CORE_MODEL_LAYERS_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"
#include "core/model/fields.h"
#include "core/model/layer.h"
#include "core/model/model.h"
#include "core/model/pass.h"
#include "core/plan/plan_builder.h"

namespace descent {

// Owns the root of a tree of layers, which is the structure of a `Model`. A copy clones the tree.
class Layers {
 public:
  // input_shape and input_dtype are those of one example, which the root was built for.
  Layers(std::unique_ptr<Layer> root, Shape input_shape, at::ScalarType input_dtype)
      : root_(std::move(root)), input_shape_(std::move(input_shape)), input_dtype_(input_dtype) {}
  Layers(const Layers& other)
      : root_(other.root_->Clone()),
        input_shape_(other.input_shape_),
        input_dtype_(other.input_dtype_) {}
  Layers(Layers&&) noexcept = default;
  Layers& operator=(const Layers& other) { return *this = Layers(other); }
  Layers& operator=(Layers&&) noexcept = default;

  void fields(Fields& list) { root_->fields(list); }
  // Tells that the fields have become of that dtype, so that inputs must be, too, unless they are
  // indices.
  void ComputeIn(at::ScalarType dtype) {
    if (c10::isFloatingType(input_dtype_)) input_dtype_ = dtype;
  }
  // Computes the output. This is inference, unless the pass says that the model is trained.
  at::Tensor operator()(const at::Tensor& x, const Pass& pass = {}) const {
    return root_->forward(x, pass);
  }
  // Gives no plan for inputs of another shape either: there the operators of `forward` say what is
  // wrong.
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const {
    const bool fits = x.sizes().size() == input_shape_.size() + 1 &&
                      std::equal(input_shape_.begin(), input_shape_.end(), x.sizes().begin() + 1);
    return fits && x.dtype() == input_dtype_ ? root_->Plan(plan, x) : PlanTensor();
  }

 private:
  std::unique_ptr<Layer> root_;
  Shape input_shape_;
  at::ScalarType input_dtype_;
};

using Model = ModelOf<Layers>;

struct ModelOptions {
  // Usually Sequential; its own name is not part of the parameters' names.
  LayerOptions root;
  Shape input_shape;  // the shape of one example
  // An integral type means indices. The default is the model's dtype.
  std::optional<at::ScalarType> input_dtype = {};
  at::ScalarType dtype = at::kFloat;  // floating point
  // On the meta device everything is checked and summarized, and no memory is taken.
  at::Device device = at::kCPU;
  // What the summary says of plans holds for objectives that compute on that device, in that dtype.
  // The defaults are the two above, and the CPU for a model on the meta device.
  std::optional<at::Device> compute_device = {};
  std::optional<at::ScalarType> compute_dtype = {};
  // The starting point is a function of the seed and the parameters' paths, drawn on the CPU.
  uint64_t seed = 0;
  // Models whose parameters, gradient and two moments need more are refused. The default is the
  // physical memory.
  std::optional<int64_t> memory_limit_bytes = {};
};

struct BuiltModel {
  Model model;
  Shape output_shape;
  std::vector<LayerSummary> layers;  // in order, containers after their children
  int64_t parameters = 0;            // the number of scalars
  int64_t parameter_bytes = 0;
};

// Gives INVALID_ARGUMENT naming the layers and shapes that don't fit, or the layer with a wrong
// option, and RESOURCE_EXHAUSTED if it needs more than the limit.
absl::StatusOr<BuiltModel> BuildModel(const ModelOptions& options);

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYERS_H_
