// `Heads` is what attention does between its two projections: from rows of 3·features, in which [q
// k v] lie side by side, to rows of `features`, in which the heads lie side by side.
#ifndef DESCENT_CORE_MODEL_ATTENTION_HEADS_H_
#define DESCENT_CORE_MODEL_ATTENTION_HEADS_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace descent {

// A value; any thread.
struct Heads {
  int64_t batch, time, features, heads;
  bool causal;

  // The number of pairs of an example and a head; `index` below is in [0, count()).
  int64_t count() const { return batch * heads; }

  // These work on the CPU, on one head of one example, in the caller's memory. Weigh writes weights
  // [time, time] ← softmax(q k'/√width).
  template <class T>
  void Weigh(int64_t index, const T* qkv, T* weights) const;
  // Writes y ← weights v.
  template <class T>
  void Mix(int64_t index, const T* weights, const T* qkv, T* y) const;
  // Writes the derivatives by the weights, and by v.
  template <class T>
  void MixBackward(int64_t index, const T* dy, const T* weights, const T* qkv, T* dweights,
                   T* dqkv) const;
  // Writes the derivatives by q and k; dweights is overwritten.
  template <class T>
  void WeighBackward(int64_t index, const T* weights, const T* qkv, T* dweights, T* dqkv) const;

  // These work by LibTorch's operators, on all at once, with weights [batch, heads, time, time].
  // `used` are the weights after dropout.
  at::Tensor WeightsOf(const at::Tensor& qkv) const;
  at::Tensor MixOf(const at::Tensor& used, const at::Tensor& qkv) const;
  // Gives the derivative by `used`.
  at::Tensor UsedSlope(const at::Tensor& dy, const at::Tensor& qkv) const;
  // Gives the derivative by qkv, from that by the weights.
  at::Tensor Slope(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& weights,
                   const at::Tensor& used, const at::Tensor& dweights) const;

 private:
  int64_t width() const { return features / heads; }
  double scale() const;
  // Where the first number of a head lies among rows of parts·features numbers.
  int64_t Place(int64_t index, int64_t parts) const {
    return index / heads * time * parts * features + index % heads * width();
  }
  // Views [batch, time, features] as [batch, heads, time, width].
  at::Tensor Split(const at::Tensor& x) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_ATTENTION_HEADS_H_
