#include "core/objective/huber.h"

#include <cmath>

#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/huber_loss.h"
#include "ATen/ops/sub.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"

namespace descent {

Loss Huber::Make() const {
  const double delta = this->delta;
  const auto kernel = [delta]<class T>(T p, T t, T* derivative) {
    const T difference = p - t, bound = static_cast<T>(delta);
    if (std::abs(difference) > bound) {
      *derivative = difference > 0 ? bound : -bound;
      return delta * (std::abs(static_cast<double>(difference)) - 0.5 * delta);
    }
    *derivative = difference;
    return 0.5 * static_cast<double>(difference) * static_cast<double>(difference);
  };
  const auto operators = [delta](const at::Tensor& p, const at::Tensor& t, at::Tensor derivative,
                                 at::Tensor value) {
    at::huber_loss_out(value, p, t, at::Reduction::Mean, delta);
    at::sub_out(derivative, p, t);
    derivative.clamp_(-delta, delta).div_(static_cast<double>(p.numel()));
  };
  const auto function = [delta](const at::Tensor& predictions, const at::Tensor& targets) {
    return at::huber_loss(predictions, targets, at::Reduction::Mean, delta);
  };
  return ElementwiseLoss(kind, function, kernel, operators);
}

}  // namespace descent
