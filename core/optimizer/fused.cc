#include "core/optimizer/fused.h"

#include <limits>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/_fused_adamw.h"
#include "ATen/ops/_fused_sgd.h"
#include "ATen/ops/full.h"
#include "ATen/ops/mul.h"
#include "ATen/ops/scalar_tensor.h"

namespace descent::fused {

void Adam(const AdamStep& step, at::Tensor& x, const at::Tensor& g, at::Tensor& exp_avg,
          at::Tensor& exp_avg_sq) {
  // The kernel corrects its averages for betas that never changed: after infinitely many steps by
  // nothing. So our corrections go into its step size and epsilon:
  //   step_size·m/(correction·√v + epsilon) = (step_size/correction)·m/(√v + epsilon/correction)
  static thread_local at::Tensor steps;
  if (!steps.defined() || steps.device() != x.device()) {
    steps = at::full({}, std::numeric_limits<float>::infinity(),
                     at::TensorOptions(at::kFloat).device(x.device()));
  }
  const double step_size = step.step_size / step.correction;
  // The kernel multiplies x by 1 − step size·weight decay, of which `keep` is the result.
  const double weight_decay = step_size == 0 ? 0 : (1 - step.keep) / step_size;
  at::_fused_adamw_({x}, {g}, {exp_avg}, {exp_avg_sq}, {}, {steps}, step_size, step.beta1,
                    step.beta2, weight_decay, step.epsilon / step.correction, /*amsgrad=*/false,
                    /*maximize=*/false);
}

void Sgd(const SgdStep& step, at::Tensor& x, const at::Tensor& g, at::Tensor& velocity) {
  if (step.momentum == 0) {  // the kernel has no velocity then
    at::mul_out(velocity, g, at::scalar_tensor(step.fresh, at::kDouble));
    x.add_(step.nesterov ? g : velocity, -step.step_size);
    return;
  }
  at::_fused_sgd_({x}, {g}, {velocity}, /*weight_decay=*/0, step.momentum, step.step_size,
                  /*dampening=*/1 - step.fresh, step.nesterov, /*maximize=*/false,
                  /*is_first_step=*/false);
}

}  // namespace descent::fused
