#include "core/objective/mean_squared_error.h"

#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/mean.h"
#include "ATen/ops/mse_loss.h"
#include "ATen/ops/sub.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"

namespace descent {

Loss MeanSquaredError::Make() const {
  const auto kernel = []<class T>(T p, T t, T* derivative) {
    const T difference = p - t;
    *derivative = 2 * difference;
    return static_cast<double>(difference) * static_cast<double>(difference);
  };
  const auto operators = [](const at::Tensor& p, const at::Tensor& t, at::Tensor derivative,
                            at::Tensor value) {
    at::sub_out(derivative, p, t);
    at::mean_out(value, derivative.square(), at::IntArrayRef{});
    derivative.mul_(2.0 / static_cast<double>(p.numel()));
  };
  const auto function = [](const at::Tensor& predictions, const at::Tensor& targets) {
    return at::mse_loss(predictions, targets);
  };
  return ElementwiseLoss(kind, function, kernel, operators);
}

Loss mean_squared_error() { return MeanSquaredError{}; }

}  // namespace descent
