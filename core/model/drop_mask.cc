#include "core/model/drop_mask.h"

#include <algorithm>
#include <cstdint>

#include "ATen/core/Tensor.h"
#include "ATen/ops/mul.h"
#include "ATen/ops/ones.h"
#include "core/data/random_seed.h"
#include "core/plan/kernel.h"

namespace descent {
namespace {

// One pair of keys serves so many places.
constexpr int64_t kBlock = int64_t{1} << 32;

// Hashes the place with a key before each round: two rounds of a 32-bit finalizer with multipliers
// found by search (Wellons 2018, "lowbias32"), which vectorizes where 64-bit multiplications would
// not.
inline uint32_t Round(uint32_t z) {
  z = (z ^ (z >> 16)) * 0x7feb352dU;
  z = (z ^ (z >> 15)) * 0x846ca68bU;
  return z ^ (z >> 16);
}
inline uint32_t Draw(uint32_t place, uint32_t key, uint32_t other_key) {
  return Round(Round(place ^ key) + other_key);
}

DESCENT_VECTORIZED void Drop(uint32_t key, uint32_t other_key, uint32_t dropped, float scale,
                             const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = Draw(static_cast<uint32_t>(i), key, other_key) < dropped ? 0 : x[i] * scale;
  }
}
DESCENT_VECTORIZED void Drop(uint32_t key, uint32_t other_key, uint32_t dropped, double scale,
                             const double* x, int64_t count, double* y) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = Draw(static_cast<uint32_t>(i), key, other_key) < dropped ? 0 : x[i] * scale;
  }
}

DESCENT_VECTORIZED void Drop(uint32_t key, uint32_t other_key, uint32_t dropped, int64_t,
                             const int64_t* x, int64_t count, int64_t* y) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = Draw(static_cast<uint32_t>(i), key, other_key) < dropped ? 0 : x[i];
  }
}

template <class T>
void DropAll(uint64_t seed, double p, const T* x, int64_t count, T* y) {
  const auto dropped = static_cast<uint32_t>(p * 4294967296.0);
  const T scale = static_cast<T>(1 / (1 - p));
  for (int64_t first = 0; first < count; first += kBlock) {
    const uint64_t keys = DeriveSeed(seed, "drop", static_cast<uint64_t>(first / kBlock));
    Drop(static_cast<uint32_t>(keys), static_cast<uint32_t>(keys >> 32), dropped, scale, x + first,
         std::min(kBlock, count - first), y + first);
  }
}

}  // namespace

void DropMask::Apply(int64_t iteration, const at::Tensor& x, const at::Tensor& y) const {
  const uint64_t drawn = DeriveSeed(seed, "iteration", static_cast<uint64_t>(iteration));
  const bool indices = x.scalar_type() == at::kLong;
  const bool done = OnCpu(x, [&]<class T>(T*) {
    DropAll(drawn, p, x.const_data_ptr<T>(), x.numel(), y.mutable_data_ptr<T>());
  });
  if (done) return;
  if (indices && x.is_cpu()) {
    DropAll(drawn, p, x.const_data_ptr<int64_t>(), x.numel(), y.mutable_data_ptr<int64_t>());
    return;
  }
  // Elsewhere the same mask is drawn on the CPU and sent there.
  const bool exact = x.scalar_type() == at::kDouble;
  const at::Tensor mask = at::ones(x.sizes(), exact ? at::kDouble : at::kFloat);
  OnCpu(mask, [&]<class T>(T*) {
    DropAll(drawn, p, mask.const_data_ptr<T>(), mask.numel(), mask.mutable_data_ptr<T>());
  });
  at::Tensor out = y;
  at::mul_out(out, x, (indices ? mask.ne(0) : mask).to(x.device(), x.scalar_type()));
}

}  // namespace descent
