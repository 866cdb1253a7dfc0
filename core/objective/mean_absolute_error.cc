#include "core/objective/mean_absolute_error.h"

#include <cmath>

#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/l1_loss.h"
#include "ATen/ops/mean.h"
#include "ATen/ops/sub.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"

namespace descent {

Loss MeanAbsoluteError::Make() const {
  const auto kernel = []<class T>(T p, T t, T* derivative) {
    const T difference = p - t;
    // The quotient keeps NaN, which a sign would not.
    *derivative = difference == 0 ? 0 : difference / std::abs(difference);
    return static_cast<double>(std::abs(difference));
  };
  const auto operators = [](const at::Tensor& p, const at::Tensor& t, at::Tensor derivative,
                            at::Tensor value) {
    at::sub_out(derivative, p, t);
    at::mean_out(value, derivative.abs(), at::IntArrayRef{});
    derivative.sgn_().div_(static_cast<double>(p.numel()));
  };
  const auto function = [](const at::Tensor& predictions, const at::Tensor& targets) {
    return at::l1_loss(predictions, targets);
  };
  return ElementwiseLoss(kind, function, kernel, operators);
}

}  // namespace descent
