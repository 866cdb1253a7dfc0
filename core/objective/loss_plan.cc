#include "core/objective/loss_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/_log_softmax.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/exp.h"
#include "ATen/ops/mean.h"
#include "ATen/ops/nll_loss_forward.h"
#include "ATen/ops/ones_like.h"
#include "ATen/ops/scatter_add.h"
#include "ATen/ops/sub.h"
#include "absl/strings/str_cat.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

constexpr int64_t kIgnored = -100;  // PyTorch's ignore_index

// x ← exp(x), x ≤ 0. Cody–Waite reduction by ln 2 and Cephes' polynomial (expf.c): below 2 units in
// the last place, and a loop that vectorizes, which a call of std::exp does not.
DESCENT_VECTORIZED void Exponentiate(float* x, int64_t count) {
  constexpr float kLog2E = 1.44269504088896341F, kRound = 12582912;  // 1.5·2²³
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  for (int64_t i = 0; i < count; ++i) {
    // Below, exp is no normal number any more; NaN passes.
    const float z = x[i] < -87.0F ? -87.0F : x[i];
    const float n = (z * kLog2E + kRound) - kRound;
    const float r = (z - n * kLn2High) - n * kLn2Low;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    // 2ⁿ by its bits.
    const int32_t exponent = (static_cast<int32_t>(n) + 127) << 23;
    float power;
    __builtin_memcpy(&power, &exponent, sizeof(power));
    x[i] = p * power;
  }
}

void Exponentiate(double* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] = std::exp(x[i]);
}

// scores and derivative [rows, classes]; returns the value. Accumulates in double.
template <class T>
double SoftmaxCrossEntropy(const T* scores, const int64_t* targets, int64_t rows, int64_t classes,
                           T* derivative) {
  double value = 0;
  int64_t counted = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = scores + r * classes;
    T* out = derivative + r * classes;
    T greatest = row[0];
    for (int64_t j = 1; j < classes; ++j) greatest = row[j] > greatest ? row[j] : greatest;
    for (int64_t j = 0; j < classes; ++j) out[j] = row[j] - greatest;
    if (targets[r] == kIgnored) continue;
    if (targets[r] < 0 || targets[r] >= classes) {
      throw std::invalid_argument(absl::StrCat("cross_entropy: target ", targets[r],
                                               " is out of range; there are ", classes,
                                               " classes"));
    }
    ++counted;
    value -= static_cast<double>(out[targets[r]]);
  }
  Exponentiate(derivative, rows * classes);
  const T share = T{1} / static_cast<T>(counted);
  for (int64_t r = 0; r < rows; ++r) {
    T* out = derivative + r * classes;
    if (targets[r] == kIgnored) {
      std::fill_n(out, classes, T{0});
      continue;
    }
    T sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += out[j];
    value += std::log(static_cast<double>(sum));
    const T factor = share / sum;
    for (int64_t j = 0; j < classes; ++j) out[j] *= factor;
    out[targets[r]] -= share;
  }
  return counted == 0 ? std::numeric_limits<double>::quiet_NaN()
                      : value / static_cast<double>(counted);
}

// The same in LibTorch's kernels.
void SoftmaxCrossEntropyByOperators(const at::Tensor& scores, const at::Tensor& targets,
                                    at::Tensor logs, at::Tensor derivative, at::Tensor value) {
  at::_log_softmax_out(logs, scores, 1, /*half_to_float=*/false);
  at::Tensor total = at::empty({}, scores.options());
  at::nll_loss_forward_out(value, total, logs, targets, {}, at::Reduction::Mean, kIgnored);
  const at::Tensor counts = targets.ne(kIgnored).to(scores.scalar_type()).unsqueeze(1);
  at::exp_out(derivative, logs);
  derivative.scatter_add_(1, targets.clamp_min(0).unsqueeze(1), -at::ones_like(counts));
  derivative.mul_(counts).div_(total);
}

}  // namespace

bool PlanCrossEntropy(PlanBuilder& plan, const PlanTensor& predictions, const PlanTensor& targets,
                      const PlanTensor& value) {
  if (predictions.sizes().size() != 2 || targets.sizes().size() != 1 ||
      targets.dtype() != at::kLong || predictions.dtype() != plan.dtype()) {
    return false;
  }
  const PlanTensor derivative = plan.Contribution(predictions);
  if (!derivative) return false;
  const PlanTensor logs = plan.device().is_cpu() ? PlanTensor() : plan.Scratch(predictions.sizes());
  plan.Forward(
      {.reads = {predictions, targets}, .writes = {derivative, value, logs}, .run = [=] {
         const bool done = OnCpu(*predictions, [&]<class T>(T*) {
           *value->mutable_data_ptr<T>() = static_cast<T>(SoftmaxCrossEntropy(
               predictions->const_data_ptr<T>(), targets->const_data_ptr<int64_t>(),
               predictions->size(0), predictions->size(1), derivative->mutable_data_ptr<T>()));
         });
         if (!done)
           SoftmaxCrossEntropyByOperators(*predictions, *targets, *logs, *derivative, *value);
       }});
  return true;
}

bool PlanMeanSquaredError(PlanBuilder& plan, const PlanTensor& predictions,
                          const PlanTensor& targets, const PlanTensor& value) {
  if (predictions.sizes() != targets.sizes() || targets.dtype() != predictions.dtype()) {
    return false;
  }
  const PlanTensor derivative = plan.Contribution(predictions);
  if (!derivative) return false;
  plan.Forward({.reads = {predictions, targets}, .writes = {derivative, value}, .run = [=] {
                  const bool done = OnCpu(*predictions, [&]<class T>(T*) {
                    const T* p = predictions->const_data_ptr<T>();
                    const T* t = targets->const_data_ptr<T>();
                    T* d = derivative->mutable_data_ptr<T>();
                    const int64_t count = predictions->numel();
                    const T factor = T{2} / static_cast<T>(count);
                    double sum = 0;
                    for (int64_t i = 0; i < count; ++i) {
                      const T difference = p[i] - t[i];
                      d[i] = factor * difference;
                      sum += static_cast<double>(difference) * static_cast<double>(difference);
                    }
                    *value->mutable_data_ptr<T>() =
                        static_cast<T>(sum / static_cast<double>(count));
                  });
                  if (done) return;
                  at::Tensor out = *derivative, number = *value;
                  at::sub_out(out, *predictions, *targets);
                  at::mean_out(number, out.square(), at::IntArrayRef{});
                  out.mul_(2.0 / static_cast<double>(predictions->numel()));
                }});
  return true;
}

}  // namespace descent
