#include "core/objective/binary_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/binary_cross_entropy_with_logits.h"
#include "ATen/ops/full.h"
#include "ATen/ops/sigmoid.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"

namespace descent {
namespace {

at::Tensor Value(const at::Tensor& scores, const at::Tensor& targets, double pos_weight) {
  if (pos_weight == 1) return at::binary_cross_entropy_with_logits(scores, targets);
  return at::binary_cross_entropy_with_logits(scores, targets, {},
                                              at::full({1}, pos_weight, scores.options()));
}

}  // namespace

Loss BinaryCrossEntropyWithLogits::Make() const {
  const double pos_weight = this->pos_weight;
  // With w = 1 + (pos_weight − 1)t the loss is (1 − t)·s + w·log(1 + exp(−s)), and log(1 + exp(−s))
  // is max(−s, 0) + log(1 + exp(−|s|)), which overflows nowhere.
  const auto kernel = [pos_weight]<class T>(T s, T t, T* derivative) {
    const T w = 1 + (static_cast<T>(pos_weight) - 1) * t;
    const T power = std::exp(-std::abs(s));
    // This is 1/(1 + exp(s)).
    const T no = s < 0 ? 1 / (1 + power) : power / (1 + power);
    *derivative = (1 - t) - w * no;
    return static_cast<double>((1 - t) * s + w * (std::log1p(power) + std::max(-s, T{0})));
  };
  const auto operators = [pos_weight](const at::Tensor& s, const at::Tensor& t,
                                      at::Tensor derivative, at::Tensor value) {
    value.copy_(Value(s, t, pos_weight));
    at::sigmoid_out(derivative, -s);
    derivative.mul_(t * (1 - pos_weight) - 1).add_(1 - t).div_(static_cast<double>(s.numel()));
  };
  const auto function = [pos_weight](const at::Tensor& scores, const at::Tensor& targets) {
    return Value(scores, targets, pos_weight);
  };
  Loss loss = ElementwiseLoss(kind, function, kernel, operators);
  loss.predicts = Predicts::kYesOrNo;
  loss.likelihood = pos_weight == 1;
  loss.target_range = UpToOne("target");
  loss.probabilities = [](const at::Tensor& predictions) { return at::sigmoid(predictions); };
  return loss;
}

}  // namespace descent
