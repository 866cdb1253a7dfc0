// `Number` reads a tensor with one number.
#ifndef DESCENT_CORE_SPACE_NUMBER_H_
#define DESCENT_CORE_SPACE_NUMBER_H_

#include "ATen/core/Tensor.h"

namespace descent {

// Gives `x.item<double>()` without a dispatch for what lies in the CPU's memory. x has one element.
inline double Number(const at::Tensor& x) {
  if (x.is_cpu()) {
    if (x.scalar_type() == at::kFloat) return *x.const_data_ptr<float>();
    if (x.scalar_type() == at::kDouble) return *x.const_data_ptr<double>();
  }
  return x.item<double>();
}

}  // namespace descent

#endif  // DESCENT_CORE_SPACE_NUMBER_H_
