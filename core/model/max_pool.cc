#include "core/model/max_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/max_pool2d.h"
#include "ATen/ops/max_pool2d_with_indices.h"
#include "ATen/ops/max_pool2d_with_indices_backward.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/model/pool_windows.h"
#include "core/model/spatial.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// Gives the windows whose element `offset` lies inside of the input, along dimension d.
Span Inside(const Windows& w, size_t d, int64_t offset) {
  const int64_t before = w.padding[d] - offset, stride = w.stride[d];
  const int64_t begin = before <= 0 ? 0 : (before + stride - 1) / stride;
  const int64_t end = (w.input[d] - 1 + before) / stride + 1;
  return {begin, std::min(w.input[d] - 1 + before < 0 ? 0 : end, w.output[d])};
}

// Writes y ← max(y, x) element by element, `stride` apart in x, with the place of what is taken.
// NaN is taken and stays; the first number is taken whatever it is.
#define DESCENT_TAKE_GREATER(T)                                                                 \
  DESCENT_VECTORIZED void TakeGreater(const T* x, int64_t stride, int64_t count, int32_t place, \
                                      T* y, int32_t* places) {                                  \
    for (int64_t i = 0; i < count; ++i) {                                                       \
      const T value = x[i * stride];                                                            \
      const bool take = value > y[i] || value != value || places[i] < 0;                        \
      y[i] = take ? value : y[i];                                                               \
      places[i] = take ? place + static_cast<int32_t>(i * stride) : places[i];                  \
    }                                                                                           \
  }
DESCENT_TAKE_GREATER(float)
DESCENT_TAKE_GREATER(double)
#undef DESCENT_TAKE_GREATER

// Finds, in one plane [input], the greatest number of each window, and where it is.
template <class T>
void Greatest(const Windows& w, const T* x, T* y, int32_t* places) {
  std::fill_n(y, w.output[0] * w.output[1], -std::numeric_limits<T>::infinity());
  std::fill_n(places, w.output[0] * w.output[1], -1);
  for (int64_t i = 0; i < w.kernel[0]; ++i) {
    const Span rows = Inside(w, 0, i);
    for (int64_t j = 0; j < w.kernel[1]; ++j) {
      const Span columns = Inside(w, 1, j);
      if (columns.begin >= columns.end) continue;
      for (int64_t r = rows.begin; r < rows.end; ++r) {
        const int64_t from = (r * w.stride[0] - w.padding[0] + i) * w.input[1] +
                             columns.begin * w.stride[1] - w.padding[1] + j;
        const int64_t to = r * w.output[1] + columns.begin;
        TakeGreater(x + from, w.stride[1], columns.end - columns.begin, static_cast<int32_t>(from),
                    y + to, places + to);
      }
    }
  }
}

class MaxPoolLayer final : public Layer {
 public:
  MaxPoolLayer(const Windows& windows, Shape output)
      : windows_(windows), output_(std::move(output)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& /*pass*/) const override {
    const Windows& w = windows_;
    std::vector<int64_t> sizes = output_;
    sizes.insert(sizes.begin(), x.size(0));
    return at::max_pool2d(Planes(x, w.input), w.kernel, w.stride, w.padding).reshape(sizes);
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    std::vector<int64_t> sizes = output_;
    sizes.insert(sizes.begin(), x.size(0));
    const PlanTensor y = plan.Output(sizes, {x}), places = plan.Scratch(sizes, at::kInt);
    const int64_t planes = x.size(0) * x.size(1);
    const Windows w = windows_;
    const int64_t in = w.input[0] * w.input[1], out = w.output[0] * w.output[1];
    plan.Forward(
        {.reads = {x}, .writes = {y, places}, .run = [=] {
           const bool done = OnCpu(*x, [&]<class T>(T*) {
             for (int64_t p = 0; p < planes; ++p) {
               Greatest(w, x->const_data_ptr<T>() + p * in, y->mutable_data_ptr<T>() + p * out,
                        places->mutable_data_ptr<int32_t>() + p * out);
             }
           });
           if (done) return;
           y->copy_(at::max_pool2d(Planes(*x, w.input), w.kernel, w.stride, w.padding).view_as(*y));
         }});
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
    plan.Backward({.reads = {dy, places, x}, .writes = {dx}, .run = [=] {
                     const bool done = OnCpu(*x, [&]<class T>(T*) {
                       T* to = dx->mutable_data_ptr<T>();
                       const T* from = dy->const_data_ptr<T>();
                       const auto* place = places->const_data_ptr<int32_t>();
                       std::fill_n(to, planes * in, T{0});
                       for (int64_t p = 0; p < planes; ++p, to += in) {
                         for (int64_t i = 0; i < out; ++i) to[*place++] += *from++;
                       }
                     });
                     if (done) return;
                     const at::Tensor image = Planes(*x, w.input);
                     const at::Tensor indices = std::get<1>(
                         at::max_pool2d_with_indices(image, w.kernel, w.stride, w.padding));
                     dx->copy_(at::max_pool2d_with_indices_backward(
                                   Planes(*dy, w.output), image, w.kernel, w.stride, w.padding,
                                   {1, 1}, /*ceil_mode=*/false, indices)
                                   .view_as(*dx));
                   }});
    return y;
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<MaxPoolLayer>(*this); }

 private:
  const Windows windows_;
  const Shape output_;
};

absl::StatusOr<BuiltLayer> BuildMax(const PoolOptions& options, const BuildContext& context) {
  const SpatialOptions spatial(context, options.kind, options.dimensions);
  const auto windows = WindowsOf(options, spatial, context);
  if (!windows.ok()) return windows.status();
  if (windows->input[0] > INT32_MAX / windows->input[1]) {
    return context.Mismatch(options.kind,
                            absl::StrCat("takes at most ", INT32_MAX, " numbers a channel"));
  }
  Shape output = spatial.ShapeOf(spatial.channels(), windows->output);
  return BuiltLayer::Of(context, options.kind, std::make_unique<MaxPoolLayer>(*windows, output),
                        output);
}

}  // namespace

absl::StatusOr<BuiltLayer> MaxPool1d::Build(const BuildContext& context) const {
  auto built = BuildMax(PoolOptions::OfOne(*this), context);
  if (!built.ok()) return built;
  return (*std::move(built)).Inferred("stride", stride.value_or(kernel_size));
}
absl::StatusOr<BuiltLayer> MaxPool2d::Build(const BuildContext& context) const {
  return BuildMax(PoolOptions::OfTwo(*this), context);
}
}  // namespace descent
