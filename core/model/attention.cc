#include "core/model/attention.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/ones.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/affine.h"
#include "core/model/attention_heads.h"
#include "core/model/drop_mask.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// The steps of a plan. Without dropout a head is done before the next one begins, as long as its
// weights are in the cache.
struct AttentionStep {
  Heads heads;
  std::optional<DropMask> dropout;
  std::shared_ptr<const int64_t> iteration;
  PlanTensor qkv, weights, used;  // `used` is undefined without dropout

  void Forward(const at::Tensor& y) const {
    const bool done = OnCpu(*qkv, [&]<class T>(T*) {
      const int64_t size = heads.time * heads.time;
      T* w = weights->mutable_data_ptr<T>();
      const T* in = qkv->const_data_ptr<T>();
      T* out = y.mutable_data_ptr<T>();
      for (int64_t i = 0; i < heads.count(); ++i) {
        heads.Weigh(i, in, w + i * size);
        if (!dropout) heads.Mix(i, w + i * size, in, out);
      }
      if (!dropout) return;
      dropout->Apply(*iteration, *weights, *used);
      const T* u = used->const_data_ptr<T>();
      for (int64_t i = 0; i < heads.count(); ++i) heads.Mix(i, u + i * size, in, out);
    });
    if (done) return;
    weights->copy_(heads.WeightsOf(*qkv));
    if (dropout) dropout->Apply(*iteration, *weights, *used);
    y.copy_(heads.MixOf(dropout ? *used : *weights, *qkv));
  }

  // dweights is [batch, heads, time, time] with dropout, else [time, time].
  void Backward(const at::Tensor& dy, const at::Tensor& dweights, const at::Tensor& dqkv) const {
    const bool done = OnCpu(*qkv, [&]<class T>(T*) {
      const int64_t size = heads.time * heads.time, next = dropout ? size : 0;
      const T *in = qkv->const_data_ptr<T>(), *w = weights->const_data_ptr<T>();
      const T *u = dropout ? used->const_data_ptr<T>() : w, *slope = dy.const_data_ptr<T>();
      T *dw = dweights.mutable_data_ptr<T>(), *out = dqkv.mutable_data_ptr<T>();
      for (int64_t i = 0; i < heads.count(); ++i) {
        heads.MixBackward(i, slope, u + i * size, in, dw + i * next, out);
        if (!dropout) heads.WeighBackward(i, w + i * size, in, dw, out);
      }
      if (!dropout) return;
      dropout->Apply(*iteration, dweights, dweights);
      for (int64_t i = 0; i < heads.count(); ++i) {
        heads.WeighBackward(i, w + i * size, in, dw + i * size, out);
      }
    });
    if (done) return;
    at::Tensor slope = heads.UsedSlope(dy, *qkv).contiguous();
    if (dropout) dropout->Apply(*iteration, slope, slope);
    dqkv.copy_(heads.Slope(dy, *qkv, *weights, dropout ? *used : *weights, slope));
  }
};

class MultiHeadAttentionLayer final : public Layer {
 public:
  MultiHeadAttentionLayer(const MultiHeadAttention& options, std::optional<DropMask> dropout,
                          at::Tensor in_weight, at::Tensor in_bias, at::Tensor out_weight,
                          at::Tensor out_bias)
      : options_(options),
        dropout_(dropout),
        in_weight_(std::move(in_weight)),
        in_bias_(std::move(in_bias)),
        out_weight_(std::move(out_weight)),
        out_bias_(std::move(out_bias)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& pass) const override {
    const Heads heads = HeadsOf(x.size(0), x.size(1), x.size(2));
    const at::Tensor qkv = at::linear(x, in_weight_, in_bias_);
    at::Tensor weights = heads.WeightsOf(qkv);
    if (dropout_ && pass.training) {
      const at::Tensor mask = at::ones(weights.sizes(), weights.options().requires_grad(false));
      dropout_->Apply(pass.iteration, mask, mask);
      weights = weights * mask;
    }
    return at::linear(heads.MixOf(weights, qkv), out_weight_, out_bias_);
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const Heads heads = HeadsOf(x.size(0), x.size(1), x.size(2));
    const Shape square = {heads.batch, heads.heads, heads.time, heads.time};
    const PlanTensor qkv = PlanAffine(plan, x, in_weight_, in_bias_);
    const PlanTensor joined = plan.Output(x.sizes(), {qkv});
    const AttentionStep step{heads,
                             dropout_,
                             plan.Iteration(),
                             qkv,
                             plan.Scratch(square),
                             dropout_ ? plan.Scratch(square) : PlanTensor()};
    plan.Forward({.reads = {qkv}, .writes = {joined, step.weights, step.used}, .run = [=] {
                    step.Forward(*joined);
                  }});
    const PlanTensor dy = plan.Gradient(joined), dqkv = plan.Contribution(qkv);
    const PlanTensor scratch = plan.Scratch(dropout_ ? square : Shape{heads.time, heads.time});
    plan.Backward({.reads = {dy, qkv, step.weights, step.used},
                   .writes = {dqkv, scratch},
                   .run = [=] { step.Backward(*dy, *scratch, *dqkv); }});
    return PlanAffine(plan, joined, out_weight_, out_bias_);
  }

  void fields(Fields& list) override {
    list("in_proj_weight", in_weight_);
    if (in_bias_.defined()) list("in_proj_bias", in_bias_);
    list("out_proj.weight", out_weight_);
    if (out_bias_.defined()) list("out_proj.bias", out_bias_);
  }
  std::unique_ptr<Layer> Clone() const override {
    return std::make_unique<MultiHeadAttentionLayer>(*this);
  }

 private:
  Heads HeadsOf(int64_t batch, int64_t time, int64_t features) const {
    return {batch, time, features, options_.num_heads, options_.causal};
  }

  const MultiHeadAttention options_;
  const std::optional<DropMask> dropout_;
  at::Tensor in_weight_;   // [3·features, features]
  at::Tensor in_bias_;     // [3·features] or undefined
  at::Tensor out_weight_;  // [features, features]
  at::Tensor out_bias_;    // [features] or undefined
};

}  // namespace

absl::StatusOr<BuiltLayer> MultiHeadAttention::Build(const BuildContext& context) const {
  if (context.input_shape.size() != 2) {
    return context.Mismatch(kind, "expects inputs of shape [time, features]");
  }
  const int64_t features = context.input_shape[1];
  if (features % num_heads != 0) {
    return context.Mismatch(
        kind,
        absl::StrCat("has ", num_heads, " heads, which must divide the ", "number of features"),
        "num_heads");
  }
  const auto count = static_cast<double>(features);
  const double bound = 1 / std::sqrt(count);
  auto in_weight = context.Parameter(kind, "in_proj_weight", {3 * features, features},
                                     XavierUniformInitializer{}, {.in = count, .out = 3 * count});
  if (!in_weight.ok()) return in_weight.status();
  auto out_weight = context.Parameter(kind, "out_proj.weight", {features, features},
                                      UniformInitializer{.low = -bound, .high = bound});
  if (!out_weight.ok()) return out_weight.status();
  at::Tensor in_bias, out_bias;
  if (bias) {
    auto in = context.Parameter(kind, "in_proj_bias", {3 * features}, ConstantInitializer{});
    if (!in.ok()) return in.status();
    auto out = context.Parameter(kind, "out_proj.bias", {features}, ConstantInitializer{});
    if (!out.ok()) return out.status();
    in_bias = *std::move(in);
    out_bias = *std::move(out);
  }
  std::optional<DropMask> mask;
  if (dropout > 0) mask = DropMask{context.SeedOf("dropout"), dropout};
  return BuiltLayer::Of(context, kind,
                        std::make_unique<MultiHeadAttentionLayer>(
                            *this, mask, *std::move(in_weight), std::move(in_bias),
                            *std::move(out_weight), std::move(out_bias)),
                        context.input_shape);
}

}  // namespace descent
