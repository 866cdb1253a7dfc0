// LibTorch's fused kernels for steps of flat parameters: one launch on a GPU, where the operations
// of a formula one after the other are a dozen. On the CPU our own loops are used (flat_update.h).
//
// The tensors of a call have the same size, dtype and device. Free functions; not thread-safe on
// the same tensors.
#ifndef DESCENT_CORE_OPTIMIZER_FUSED_H_
#define DESCENT_CORE_OPTIMIZER_FUSED_H_

#include "ATen/core/Tensor.h"

namespace descent::fused {

// The numbers of one step of Adam or AdamW; adam.h and adamw.h have the formulas.
struct AdamStep {
  double step_size;  // the dial's number divided by 1 − Π beta1
  double beta1, beta2, epsilon;
  double correction;  // 1/√(1 − Π beta2)
  double keep;        // x is multiplied by it first
};
void Adam(const AdamStep& step, at::Tensor& x, const at::Tensor& g, at::Tensor& exp_avg,
          at::Tensor& exp_avg_sq);

// The numbers of one step of SGD; sgd.h has the formula.
struct SgdStep {
  double step_size, momentum, fresh;
  bool nesterov;
};
void Sgd(const SgdStep& step, at::Tensor& x, const at::Tensor& g, at::Tensor& velocity);

}  // namespace descent::fused

#endif  // DESCENT_CORE_OPTIMIZER_FUSED_H_
