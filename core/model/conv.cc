#include "core/model/conv.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/constant_pad_nd.h"
#include "ATen/ops/convolution.h"
#include "ATen/ops/convolution_backward.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/convolution.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/model/spatial.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// LibTorch's operators, on [batch, channels, …].
struct ConvolutionOperators {
  std::vector<int64_t> stride, padding, dilation, no_output_padding;
  // Zeros at the end of each dimension, from the last one on, beside `padding` at both ends.
  std::vector<int64_t> extra;
  int64_t groups;

  at::Tensor Padded(const at::Tensor& x) const {
    return extra.empty() ? x : at::constant_pad_nd(x, extra);
  }
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) const {
    return at::convolution(Padded(x), w, b, stride, padding, dilation, /*transposed=*/false,
                           no_output_padding, groups);
  }
  void Backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& w,
                const PlanTensor& dx, const PlanTensor& dw, const PlanTensor& db) const {
    const auto [of_x, of_w, of_bias] = at::convolution_backward(
        dy, Padded(x), w, at::IntArrayRef{w.size(0)}, stride, padding, dilation,
        /*transposed=*/false, no_output_padding, groups,
        {static_cast<bool>(dx), true, static_cast<bool>(db)});
    dw->copy_(of_w);
    if (db) db->copy_(of_bias);
    if (!dx) return;
    at::Tensor inner = of_x;
    for (int64_t d = 2; d < x.dim(); ++d) inner = inner.narrow(d, 0, x.size(d));
    dx->copy_(inner);
  }
};

class ConvLayer final : public Layer {
 public:
  ConvLayer(Convolution numbers, ConvolutionOperators operators, Shape output, at::Tensor weight,
            at::Tensor bias)
      : numbers_(numbers),
        operators_(std::move(operators)),
        output_(std::move(output)),
        weight_(std::move(weight)),
        bias_(std::move(bias)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& /*pass*/) const override {
    return operators_.Forward(x, weight_, bias_);
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor w = plan.Parameter(weight_);
    const PlanTensor b = bias_.defined() ? plan.Parameter(bias_) : PlanTensor();
    std::vector<int64_t> sizes = output_;
    sizes.insert(sizes.begin(), x.size(0));
    const PlanTensor y = plan.Output(sizes, {x, w});
    const PlanTensor there = plan.Scratch({numbers_.scratch()});
    plan.Forward({.reads = {x, w, b},
                  .writes = {y, there},
                  .run = [=, numbers = numbers_, operators = operators_] {
                    const bool done = OnCpu(*x, [&]<class T>(T*) {
                      numbers.Forward(x->const_data_ptr<T>(), x->size(0), w->const_data_ptr<T>(),
                                      b ? b->const_data_ptr<T>() : nullptr,
                                      there->mutable_data_ptr<T>(), y->mutable_data_ptr<T>());
                    });
                    if (!done) y->copy_(operators.Forward(*x, *w, b ? *b : at::Tensor()));
                  }});
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
    const PlanTensor dw = plan.Contribution(w), db = plan.Contribution(b);
    const PlanTensor back = plan.Scratch({numbers_.scratch()});
    plan.Backward({.reads = {dy, x, w},
                   .writes = {dx, dw, db, back},
                   .run = [=, numbers = numbers_, operators = operators_] {
                     const bool done = OnCpu(*x, [&]<class T>(T*) {
                       numbers.Backward(dy->const_data_ptr<T>(), x->const_data_ptr<T>(), x->size(0),
                                        w->const_data_ptr<T>(), back->mutable_data_ptr<T>(),
                                        dx ? dx->mutable_data_ptr<T>() : nullptr,
                                        dw->mutable_data_ptr<T>(),
                                        db ? db->mutable_data_ptr<T>() : nullptr);
                     });
                     if (!done) operators.Backward(*dy, *x, *w, dx, dw, db);
                   }});
    return y;
  }

  void fields(Fields& list) override {
    list("weight", weight_);
    if (bias_.defined()) list("bias", bias_);
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<ConvLayer>(*this); }

 private:
  const Convolution numbers_;
  const ConvolutionOperators operators_;
  const Shape output_;
  at::Tensor weight_;  // [out_channels, channels/groups, kernel_size…]
  at::Tensor bias_;    // [out_channels] or undefined
};

absl::Status CheckChannels(const Conv2d& options, const SpatialOptions& spatial,
                           const BuildContext& context) {
  const int64_t channels = spatial.channels();
  if (options.in_channels && *options.in_channels != channels) {
    return context.Mismatch(
        spatial.kind(), absl::StrCat("expects ", *options.in_channels, " channels"), "in_channels");
  }
  if (options.out_channels > INT32_MAX) {
    return context.Wrong(
        spatial.kind(),
        absl::StrCat(": out_channels is ", options.out_channels, "; give a number ≤ ", INT32_MAX),
        "out_channels");
  }
  if (options.out_channels % options.groups != 0) {
    return context.Wrong(
        spatial.kind(),
        absl::StrCat(": groups is ", options.groups, "; give a number that divides out_channels (",
                     options.out_channels, ")"),
        "groups");
  }
  if (channels % options.groups != 0) {
    return context.Mismatch(spatial.kind(),
                            absl::StrCat("has ", options.groups, " groups of channels"), "groups");
  }
  return absl::OkStatus();
}

// Gives all of the padding, before and after together.
absl::StatusOr<Extent> TotalPadding(const Conv2d& options, const SpatialOptions& spatial,
                                    const Extent& kernel, const Extent& stride,
                                    const Extent& dilation, const BuildContext& context) {
  const auto padding = spatial.Get("padding", options.padding, 0, 0);
  if (!padding.ok()) return padding.status();
  if (!options.same_padding) return Extent{2 * (*padding)[0], 2 * (*padding)[1]};
  const bool given = *padding != Extent{0, 0};
  if (given || stride != Extent{1, 1}) {
    return context.Wrong(spatial.kind(),
                         absl::StrCat(": same_padding goes with ",
                                      given ? "no padding of its own" : "a stride of 1"),
                         "same_padding");
  }
  return Extent{dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)};
}

std::vector<int64_t> ExtraPadding(const std::vector<int64_t>& total) {
  std::vector<int64_t> extra;
  bool any = false;
  for (auto size = total.rbegin(); size != total.rend(); ++size) {
    extra.insert(extra.end(), {0, *size % 2});
    any = any || *size % 2 != 0;
  }
  return any ? extra : std::vector<int64_t>();
}

// Builds a layer of one or of two dimensions; in one, each list has a single number.
absl::StatusOr<BuiltLayer> BuildConvolution(std::string_view kind, size_t dimensions,
                                            const Conv2d& options, const BuildContext& context) {
  const SpatialOptions spatial(context, kind, dimensions);
  if (absl::Status status = spatial.CheckInput(); !status.ok()) return status;
  if (absl::Status status = CheckChannels(options, spatial, context); !status.ok()) {
    return status;
  }
  const auto kernel = spatial.Get("kernel_size", options.kernel_size, 1, 1);
  if (!kernel.ok()) return kernel.status();
  const auto stride = spatial.Get("stride", options.stride, 1, 1);
  if (!stride.ok()) return stride.status();
  const auto dilation = spatial.Get("dilation", options.dilation, 1, 1);
  if (!dilation.ok()) return dilation.status();
  const auto total = TotalPadding(options, spatial, *kernel, *stride, *dilation, context);
  if (!total.ok()) return total.status();
  const auto places = spatial.Places(*kernel, *stride, *total, *dilation);
  if (!places.ok()) return places.status();

  const int64_t channels = spatial.channels() / options.groups;
  const Extent before = {(*total)[0] / 2, (*total)[1] / 2};
  const Convolution numbers{.group = {.channels = channels,
                                      .input = spatial.input(),
                                      .kernel = *kernel,
                                      .stride = *stride,
                                      .dilation = *dilation,
                                      .padding = before,
                                      .output = *places},
                            .groups = options.groups,
                            .out_channels = options.out_channels};
  ConvolutionOperators operators{.stride = spatial.Sizes(*stride),
                                 .padding = spatial.Sizes(before),
                                 .dilation = spatial.Sizes(*dilation),
                                 .no_output_padding = spatial.Sizes({0, 0}),
                                 .extra = ExtraPadding(spatial.Sizes(*total)),
                                 .groups = options.groups};
  Shape weight_shape = spatial.Sizes(*kernel);
  weight_shape.insert(weight_shape.begin(), {options.out_channels, channels});
  const double window = static_cast<double>((*kernel)[0]) * static_cast<double>((*kernel)[1]);
  const Fans fans{.in = static_cast<double>(channels) * window,
                  .out = static_cast<double>(options.out_channels) * window};
  const double bound = 1 / std::sqrt(fans.in);
  const UniformInitializer uniform{.low = -bound, .high = bound};
  auto weight =
      context.Parameter(kind, "weight", weight_shape, options.weight_init.value_or(uniform), fans);
  if (!weight.ok()) return weight.status();
  at::Tensor bias;
  if (options.bias) {
    auto values = context.Parameter(kind, "bias", {options.out_channels},
                                    options.bias_init.value_or(uniform), fans);
    if (!values.ok()) return values.status();
    bias = *std::move(values);
  }
  Shape output = spatial.ShapeOf(options.out_channels, *places);
  return BuiltLayer::Of(context, kind,
                        std::make_unique<ConvLayer>(numbers, std::move(operators), output,
                                                    *std::move(weight), std::move(bias)),
                        output)
      .Inferred("in_channels", spatial.channels());
}

}  // namespace

absl::StatusOr<BuiltLayer> Conv1d::Build(const BuildContext& context) const {
  const Conv2d lists{.in_channels = in_channels,
                     .out_channels = out_channels,
                     .kernel_size = {kernel_size},
                     .stride = {stride},
                     .padding = {padding},
                     .dilation = {dilation},
                     .groups = groups,
                     .bias = bias,
                     .same_padding = same_padding,
                     .weight_init = weight_init,
                     .bias_init = bias_init};
  return BuildConvolution(kind, 1, lists, context);
}

absl::StatusOr<BuiltLayer> Conv2d::Build(const BuildContext& context) const {
  return BuildConvolution(kind, 2, *this, context);
}

}  // namespace descent
