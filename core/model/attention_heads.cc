#include "core/model/attention_heads.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "ATen/TensorOperators.h"
#include "ATen/core/IListRef.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/_softmax_backward_data.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/matmul.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/softmax.h"
#include "core/plan/exponential.h"
#include "core/plan/kernel.h"
#include "core/plan/matrix.h"
#include "core/plan/reduce.h"

namespace descent {
namespace {

using enum matrix::Form;

// Makes the first `seen` numbers of a row their softmax, and the others 0.
#define DESCENT_SOFTMAX(T)                                                      \
  DESCENT_VECTORIZED void SoftmaxRow(T* row, int64_t seen, int64_t count) {     \
    const T greatest = GreatestOf(row, seen);                                   \
    for (int64_t j = 0; j < seen; ++j) row[j] = Exponential(row[j] - greatest); \
    const T share = 1 / SumOf<T>(seen, [=](int64_t j) { return row[j]; });      \
    for (int64_t j = 0; j < seen; ++j) row[j] *= share;                         \
    for (int64_t j = seen; j < count; ++j) row[j] = 0;                          \
  }
DESCENT_SOFTMAX(float)
DESCENT_SOFTMAX(double)
#undef DESCENT_SOFTMAX

// Goes from the derivative by a softmax p to that by what went into it: slope ← p ⊙ (slope −
// p·slope).
#define DESCENT_SOFTMAX_BACKWARD(T)                                                \
  DESCENT_VECTORIZED void SoftmaxBackward(const T* p, T* slope, int64_t count) {   \
    const T product = SumOf<T>(count, [=](int64_t j) { return p[j] * slope[j]; }); \
    for (int64_t j = 0; j < count; ++j) slope[j] = p[j] * (slope[j] - product);    \
  }
DESCENT_SOFTMAX_BACKWARD(float)
DESCENT_SOFTMAX_BACKWARD(double)
#undef DESCENT_SOFTMAX_BACKWARD

// Views [batch, heads, time, width] as [batch, time, features].
at::Tensor Join(const at::Tensor& x) { return x.transpose(1, 2).flatten(2); }

}  // namespace

double Heads::scale() const { return 1 / std::sqrt(static_cast<double>(width())); }

template <class T>
void Heads::Weigh(int64_t index, const T* qkv, T* weights) const {
  const int64_t stride = 3 * features;
  const T* q = qkv + Place(index, 3);
  matrix::MultiplyBlocks<T>(kPlain, {q, stride}, kTransposed, {q + features, stride}, time, time,
                            width(), static_cast<T>(scale()), 0, {weights, time});
  for (int64_t i = 0; i < time; ++i) SoftmaxRow(weights + i * time, causal ? i + 1 : time, time);
}

template <class T>
void Heads::Mix(int64_t index, const T* weights, const T* qkv, T* y) const {
  const T* v = qkv + Place(index, 3) + 2 * features;
  matrix::MultiplyBlocks<T>(kPlain, {weights, time}, kPlain, {v, 3 * features}, time, width(), time,
                            1, 0, {y + Place(index, 1), features});
}

template <class T>
void Heads::MixBackward(int64_t index, const T* dy, const T* weights, const T* qkv, T* dweights,
                        T* dqkv) const {
  const int64_t v = Place(index, 3) + 2 * features, stride = 3 * features;
  const T* slope = dy + Place(index, 1);
  matrix::MultiplyBlocks<T>(kTransposed, {weights, time}, kPlain, {slope, features}, time, width(),
                            time, 1, 0, {dqkv + v, stride});
  matrix::MultiplyBlocks<T>(kPlain, {slope, features}, kTransposed, {qkv + v, stride}, time, time,
                            width(), 1, 0, {dweights, time});
}

template <class T>
void Heads::WeighBackward(int64_t index, const T* weights, const T* qkv, T* dweights,
                          T* dqkv) const {
  const int64_t q = Place(index, 3), k = q + features, stride = 3 * features;
  for (int64_t i = 0; i < time; ++i) {
    SoftmaxBackward(weights + i * time, dweights + i * time, time);
  }
  matrix::MultiplyBlocks<T>(kPlain, {dweights, time}, kPlain, {qkv + k, stride}, time, width(),
                            time, static_cast<T>(scale()), 0, {dqkv + q, stride});
  matrix::MultiplyBlocks<T>(kTransposed, {dweights, time}, kPlain, {qkv + q, stride}, time, width(),
                            time, static_cast<T>(scale()), 0, {dqkv + k, stride});
}

#define DESCENT_INSTANTIATE(T)                                                           \
  template void Heads::Weigh(int64_t, const T*, T*) const;                               \
  template void Heads::Mix(int64_t, const T*, const T*, T*) const;                       \
  template void Heads::MixBackward(int64_t, const T*, const T*, const T*, T*, T*) const; \
  template void Heads::WeighBackward(int64_t, const T*, const T*, T*, T*) const;
DESCENT_INSTANTIATE(float)
DESCENT_INSTANTIATE(double)
#undef DESCENT_INSTANTIATE

at::Tensor Heads::Split(const at::Tensor& x) const {
  return x.view({x.size(0), x.size(1), heads, width()}).transpose(1, 2);
}

at::Tensor Heads::WeightsOf(const at::Tensor& qkv) const {
  const auto parts = qkv.chunk(3, -1);
  const at::Tensor q = Split(parts[0]), k = Split(parts[1]);
  at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) * scale();
  if (causal) {
    const at::Tensor later = at::ones(scores.sizes().slice(2), scores.options().dtype(at::kBool));
    scores = scores.masked_fill(later.triu(1), -std::numeric_limits<double>::infinity());
  }
  return at::softmax(scores, -1);
}

at::Tensor Heads::MixOf(const at::Tensor& used, const at::Tensor& qkv) const {
  return Join(at::matmul(used, Split(qkv.chunk(3, -1)[2])));
}

at::Tensor Heads::UsedSlope(const at::Tensor& dy, const at::Tensor& qkv) const {
  return at::matmul(Split(dy), Split(qkv.chunk(3, -1)[2]).transpose(-2, -1));
}

at::Tensor Heads::Slope(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& weights,
                        const at::Tensor& used, const at::Tensor& dweights) const {
  const auto parts = qkv.chunk(3, -1);
  const at::Tensor dscores =
      at::_softmax_backward_data(dweights, weights, -1, weights.scalar_type()) * scale();
  return at::cat({Join(at::matmul(dscores, Split(parts[1]))),
                  Join(at::matmul(dscores.transpose(-2, -1), Split(parts[0]))),
                  Join(at::matmul(used.transpose(-2, -1), Split(dy)))},
                 -1);
}

}  // namespace descent
