// `ElementwiseLayer` makes a layer without parameters of a function of each number and its
// derivative:
//   struct Tanh {
//     static constexpr bool kFromOutput = true;   // else from the input
//     at::Tensor Apply(const at::Tensor& x) const;                        // recorded by autograd
//     void Forward(const at::Tensor& x, const at::Tensor& y) const;       // y may be x's memory
//     // dx from dy and y (or x); dx may be dy's memory.
//     void Backward(const at::Tensor& dy, const at::Tensor& from, const at::Tensor& dx) const;
//   };
#ifndef DESCENT_CORE_MODEL_ELEMENTWISE_LAYER_H_
#define DESCENT_CORE_MODEL_ELEMENTWISE_LAYER_H_

#include <memory>
#include <string_view>
#include <utility>

#include "ATen/core/Tensor.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {

// A `Function` is a value of a few numbers, which is copied into the plan.
template <class Function>
class ElementwiseLayer final : public Layer {
 public:
  explicit ElementwiseLayer(Function function) : function_(std::move(function)) {}

  at::Tensor forward(const at::Tensor& x, const Pass&) const override { return function_.Apply(x); }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor y = plan.Output(x.sizes(), {x});
    plan.Forward({.reads = {x},
                  .writes = {y},
                  .run = [=, f = function_] { f.Forward(*x, *y); },
                  .in_place = true});
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
    const PlanTensor from = Function::kFromOutput ? y : x;
    plan.Backward({.reads = {dy, from},
                   .writes = {dx},
                   .run = [=, f = function_] { f.Backward(*dy, *from, *dx); },
                   .in_place = true});
    return y;
  }
  std::unique_ptr<Layer> Clone() const override {
    return std::make_unique<ElementwiseLayer>(*this);
  }

  static BuiltLayer Built(const BuildContext& context, std::string_view kind, Function function) {
    return BuiltLayer::Of(context, kind, std::make_unique<ElementwiseLayer>(std::move(function)),
                          context.input_shape);
  }

 private:
  Function function_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_ELEMENTWISE_LAYER_H_
