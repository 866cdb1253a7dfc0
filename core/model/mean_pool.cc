#include "core/model/mean_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/_adaptive_avg_pool2d_backward.h"
#include "ATen/ops/adaptive_avg_pool2d.h"
#include "ATen/ops/avg_pool2d.h"
#include "ATen/ops/avg_pool2d_backward.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/model/pool_windows.h"
#include "core/model/spatial.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// Takes means over windows that are a product of ranges, clipped to the input.
struct Means {
  std::vector<Span> rows, columns;
  Extent input;
  int64_t divisor = 0;  // 0: the number of elements of each window

  template <class T>
  T Share(const Span& r, const Span& c) const {
    const int64_t elements = (r.end - r.begin) * (c.end - c.begin);
    return T{1} / static_cast<T>(divisor > 0 ? divisor : elements);
  }

  template <class T>
  void Forward(const T* x, int64_t planes, T* y) const {
    for (int64_t p = 0; p < planes; ++p, x += input[0] * input[1]) {
      for (const Span& r : rows) {
        for (const Span& c : columns) {
          double sum = 0;
          for (int64_t i = r.begin; i < r.end; ++i) {
            for (int64_t j = c.begin; j < c.end; ++j) {
              sum += static_cast<double>(x[i * input[1] + j]);
            }
          }
          *y++ = static_cast<T>(sum * Share<double>(r, c));
        }
      }
    }
  }

  template <class T>
  void Backward(const T* dy, int64_t planes, T* dx) const {
    std::fill_n(dx, planes * input[0] * input[1], T{0});
    for (int64_t p = 0; p < planes; ++p, dx += input[0] * input[1]) {
      for (const Span& r : rows) {
        for (const Span& c : columns) {
          const T share = *dy++ * Share<T>(r, c);
          for (int64_t i = r.begin; i < r.end; ++i) {
            for (int64_t j = c.begin; j < c.end; ++j) dx[i * input[1] + j] += share;
          }
        }
      }
    }
  }
};

// What differs between the two kinds is LibTorch's operators, on [batch, channels, height, width].
struct WindowMeans {
  Windows w;

  at::Tensor Forward(const at::Tensor& x) const {
    return at::avg_pool2d(x, w.kernel, w.stride, w.padding);
  }
  at::Tensor Backward(const at::Tensor& dy, const at::Tensor& x) const {
    return at::avg_pool2d_backward(dy, x, w.kernel, w.stride, w.padding, /*ceil_mode=*/false,
                                   /*count_include_pad=*/true, /*divisor_override=*/{});
  }
  std::vector<Span> Along(size_t d) const {
    std::vector<Span> ranges;
    for (int64_t i = 0; i < w.output[d]; ++i) {
      const int64_t begin = i * w.stride[d] - w.padding[d];
      ranges.push_back({std::max<int64_t>(begin, 0), std::min(begin + w.kernel[d], w.input[d])});
    }
    return ranges;
  }
  Means Loops() const { return {Along(0), Along(1), w.input, w.kernel[0] * w.kernel[1]}; }
};

struct AdaptiveMeans {
  Windows w;

  at::Tensor Forward(const at::Tensor& x) const { return at::adaptive_avg_pool2d(x, w.output); }
  at::Tensor Backward(const at::Tensor& dy, const at::Tensor& x) const {
    return at::_adaptive_avg_pool2d_backward(dy, x);
  }
  std::vector<Span> Along(size_t d) const {
    std::vector<Span> ranges;
    for (int64_t i = 0; i < w.output[d]; ++i) {
      ranges.push_back(
          {i * w.input[d] / w.output[d], ((i + 1) * w.input[d] + w.output[d] - 1) / w.output[d]});
    }
    return ranges;
  }
  Means Loops() const { return {Along(0), Along(1), w.input}; }
};

template <class Kind>
class MeanPoolLayer final : public Layer {
 public:
  MeanPoolLayer(Kind kind, Shape output) : kind_(std::move(kind)), output_(std::move(output)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& /*pass*/) const override {
    std::vector<int64_t> sizes = output_;
    sizes.insert(sizes.begin(), x.size(0));
    return kind_.Forward(Planes(x, kind_.w.input)).reshape(sizes);
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    std::vector<int64_t> sizes = output_;
    sizes.insert(sizes.begin(), x.size(0));
    const PlanTensor y = plan.Output(sizes, {x});
    const int64_t planes = x.size(0) * x.size(1);
    const auto loops = std::make_shared<const Means>(kind_.Loops());
    plan.Forward({.reads = {x}, .writes = {y}, .run = [=, kind = kind_] {
                    const bool done = OnCpu(*x, [&]<class T>(T*) {
                      loops->Forward(x->const_data_ptr<T>(), planes, y->mutable_data_ptr<T>());
                    });
                    if (!done) y->copy_(kind.Forward(Planes(*x, kind.w.input)).view_as(*y));
                  }});
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
    plan.Backward(
        {.reads = {dy, x}, .writes = {dx}, .run = [=, kind = kind_] {
           const bool done = OnCpu(*x, [&]<class T>(T*) {
             loops->Backward(dy->const_data_ptr<T>(), planes, dx->mutable_data_ptr<T>());
           });
           if (done) return;
           dx->copy_(
               kind.Backward(Planes(*dy, kind.w.output), Planes(*x, kind.w.input)).view_as(*dx));
         }});
    return y;
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<MeanPoolLayer>(*this); }

 private:
  const Kind kind_;
  const Shape output_;
};

absl::StatusOr<BuiltLayer> BuildMean(const PoolOptions& options, const BuildContext& context) {
  const SpatialOptions spatial(context, options.kind, options.dimensions);
  const auto windows = WindowsOf(options, spatial, context);
  if (!windows.ok()) return windows.status();
  Shape output = spatial.ShapeOf(spatial.channels(), windows->output);
  return BuiltLayer::Of(context, options.kind,
                        std::make_unique<MeanPoolLayer<WindowMeans>>(WindowMeans{*windows}, output),
                        output);
}

absl::StatusOr<BuiltLayer> BuildAdaptive(std::string_view kind, size_t dimensions,
                                         const std::vector<int64_t>& output_size,
                                         const BuildContext& context) {
  const SpatialOptions spatial(context, kind, dimensions);
  if (absl::Status status = spatial.CheckInput(); !status.ok()) return status;
  const auto size = spatial.Get("output_size", output_size, 1, 1);
  if (!size.ok()) return size.status();
  const Windows windows{.input = spatial.input(), .output = *size};
  Shape output = spatial.ShapeOf(spatial.channels(), *size);
  return BuiltLayer::Of(
      context, kind, std::make_unique<MeanPoolLayer<AdaptiveMeans>>(AdaptiveMeans{windows}, output),
      output);
}

}  // namespace

absl::StatusOr<BuiltLayer> AvgPool1d::Build(const BuildContext& context) const {
  auto built = BuildMean(PoolOptions::OfOne(*this), context);
  if (!built.ok()) return built;
  return (*std::move(built)).Inferred("stride", stride.value_or(kernel_size));
}
absl::StatusOr<BuiltLayer> AvgPool2d::Build(const BuildContext& context) const {
  return BuildMean(PoolOptions::OfTwo(*this), context);
}
absl::StatusOr<BuiltLayer> AdaptiveAvgPool1d::Build(const BuildContext& context) const {
  return BuildAdaptive(kind, 1, {output_size}, context);
}
absl::StatusOr<BuiltLayer> AdaptiveAvgPool2d::Build(const BuildContext& context) const {
  return BuildAdaptive(kind, 2, output_size, context);
}

}  // namespace descent
