// The heads of attention: what happens between the two projections, from [q k v], side by side in
// rows of 3·features, to the heads, side by side in rows of `features`.
#ifndef DESCENT_CORE_MODEL_ATTENTION_HEADS_H_
#define DESCENT_CORE_MODEL_ATTENTION_HEADS_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace descent {

// A value; any thread.
struct Heads {
  int64_t batch, time, features, heads;
  bool causal;

  // Of examples and heads; `index` below is in [0, count()).
  int64_t count() const { return batch * heads; }

  // On CPU, of one head of one example, in memory of the caller's. weights [time, time] ← softmax(q
  // k'/√width).
  template <class T>
  void Weigh(int64_t index, const T* qkv, T* weights) const;
  // y ← weights v.
  template <class T>
  void Mix(int64_t index, const T* weights, const T* qkv, T* y) const;
  // Derivatives by the weights, and by v.
  template <class T>
  void MixBackward(int64_t index, const T* dy, const T* weights, const T* qkv, T* dweights,
                   T* dqkv) const;
  // Derivatives by q and k; dweights is overwritten.
  template <class T>
  void WeighBackward(int64_t index, const T* weights, const T* qkv, T* dweights, T* dqkv) const;

  // By LibTorch's operators, of all at once; weights [batch, heads, time, time]. `used`: the
  // weights after dropout.
  at::Tensor WeightsOf(const at::Tensor& qkv) const;
  at::Tensor MixOf(const at::Tensor& used, const at::Tensor& qkv) const;
  // The derivative by `used`.
  at::Tensor UsedSlope(const at::Tensor& dy, const at::Tensor& qkv) const;
  // That by qkv, from that by the weights.
  at::Tensor Slope(const at::Tensor& dy, const at::Tensor& qkv, const at::Tensor& weights,
                   const at::Tensor& used, const at::Tensor& dweights) const;

 private:
  int64_t width() const { return features / heads; }
  double scale() const;
  // Of a head's first number, in rows of parts·features.
  int64_t Place(int64_t index, int64_t parts) const {
    return index / heads * time * parts * features + index % heads * width();
  }
  // [batch, time, features] as [batch, heads, time, width].
  at::Tensor Split(const at::Tensor& x) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_ATTENTION_HEADS_H_
