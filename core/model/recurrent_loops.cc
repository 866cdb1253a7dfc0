#include "core/model/recurrent_loops.h"

#include <algorithm>
#include <cstdint>

#include "core/plan/exponential.h"
#include "core/plan/kernel.h"
#include "core/plan/matrix.h"
#include "core/plan/vector.h"

namespace descent {
namespace {

using enum matrix::Form;

#define DESCENT_CELLS(T)                                                                          \
  DESCENT_VECTORIZED void Add(const T* x, int64_t count, T* y) {                                  \
    for (int64_t i = 0; i < count; ++i) y[i] += x[i];                                             \
  }                                                                                               \
                                                                                                  \
  /* One row of an LSTM's step; `before`: the cells before it, or null. */                        \
  DESCENT_VECTORIZED void LstmCell(int64_t n, T* __restrict gates, const T* before,               \
                                   T* __restrict cells, T* __restrict tanhs, T* __restrict y) {   \
    for (int64_t j = 0; j < n; ++j) {                                                             \
      const T i = Logistic(gates[j]), f = Logistic(gates[n + j]),                                 \
              g = HyperbolicTangent(gates[2 * n + j]), o = Logistic(gates[3 * n + j]);            \
      const T c = i * g + (before == nullptr ? T{0} : f * before[j]);                             \
      gates[j] = i;                                                                               \
      gates[n + j] = f;                                                                           \
      gates[2 * n + j] = g;                                                                       \
      gates[3 * n + j] = o;                                                                       \
      cells[j] = c;                                                                               \
      tanhs[j] = HyperbolicTangent(c);                                                            \
      y[j] = o * tanhs[j];                                                                        \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
  /* dh, and dc from the step after it, which becomes that for the step before. */                \
  DESCENT_VECTORIZED void LstmCellBackward(int64_t n, const T* __restrict gates, const T* before, \
                                           const T* __restrict tanhs, const T* __restrict dh,     \
                                           T* __restrict dc, T* __restrict dgates) {              \
    for (int64_t j = 0; j < n; ++j) {                                                             \
      const T i = gates[j], f = gates[n + j], g = gates[2 * n + j], o = gates[3 * n + j];         \
      const T tanh = tanhs[j], slope = dc[j] + dh[j] * o * (1 - tanh * tanh);                     \
      dgates[j] = slope * g * i * (1 - i);                                                        \
      dgates[n + j] = before == nullptr ? T{0} : slope * before[j] * f * (1 - f);                 \
      dgates[2 * n + j] = slope * i * (1 - g * g);                                                \
      dgates[3 * n + j] = dh[j] * tanh * o * (1 - o);                                             \
      dc[j] = slope * f;                                                                          \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
  /* hidden: h weight_hh' + bias_hh of this row. */                                               \
  DESCENT_VECTORIZED void GruCell(int64_t n, const T* __restrict hidden, const T* before,         \
                                  T* __restrict gates, T* __restrict y) {                         \
    for (int64_t j = 0; j < n; ++j) {                                                             \
      const T r = Logistic(gates[j] + hidden[j]), z = Logistic(gates[n + j] + hidden[n + j]);     \
      const T g = HyperbolicTangent(gates[2 * n + j] + r * hidden[2 * n + j]);                    \
      gates[j] = r;                                                                               \
      gates[n + j] = z;                                                                           \
      gates[2 * n + j] = g;                                                                       \
      y[j] = (1 - z) * g + (before == nullptr ? T{0} : z * before[j]);                            \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
  /* dh becomes its share for the step before that does not go through the gates. */              \
  DESCENT_VECTORIZED void GruCellBackward(                                                        \
      int64_t n, const T* __restrict gates, const T* __restrict hidden, const T* before,          \
      T* __restrict dh, T* __restrict dgates, T* __restrict dhidden) {                            \
    for (int64_t j = 0; j < n; ++j) {                                                             \
      const T r = gates[j], z = gates[n + j], g = gates[2 * n + j];                               \
      const T last = before == nullptr ? T{0} : before[j];                                        \
      const T dg = dh[j] * (1 - z) * (1 - g * g);                                                 \
      dgates[j] = dg * hidden[2 * n + j] * r * (1 - r);                                           \
      dgates[n + j] = dh[j] * (last - g) * z * (1 - z);                                           \
      dgates[2 * n + j] = dg;                                                                     \
      dhidden[j] = dgates[j];                                                                     \
      dhidden[n + j] = dgates[n + j];                                                             \
      dhidden[2 * n + j] = dg * r;                                                                \
      dh[j] *= z;                                                                                 \
    }                                                                                             \
  }
DESCENT_CELLS(float)
DESCENT_CELLS(double)
#undef DESCENT_CELLS

}  // namespace

template <class T>
void LstmLoops::Forward(const T* w, const T* b, T* gates, T* kept, T* y) const {
  const int64_t columns = kGates * hidden;
  T* tanhs = kept + batch * time * hidden;
  for (int64_t n = 0; n < batch * time; ++n) Add(b, columns, gates + n * columns);
  for (int64_t t = 0; t < time; ++t) {
    if (t > 0) {
      matrix::MultiplyBlocks<T>(kPlain, {y + (t - 1) * hidden, time * hidden}, kTransposed,
                                {w, hidden}, batch, columns, hidden, 1, 1,
                                {gates + t * columns, time * columns});
    }
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t row = n * time + t, place = row * hidden;
      LstmCell(hidden, gates + row * columns, t > 0 ? kept + place - hidden : nullptr, kept + place,
               tanhs + place, y + place);
    }
  }
}

template <class T>
void LstmLoops::Backward(const T* dy, const T* w, const T* gates, const T* kept, const T* y,
                         T* scratch, T* dgates, T* dw, T* db) const {
  const int64_t columns = kGates * hidden;
  const T* tanhs = kept + batch * time * hidden;
  // The sums come first in the scratch memory, where the alignment is that of any type.
  auto* sums = reinterpret_cast<double*>(scratch);
  T *dh = scratch + kSumElements * columns, *dc = dh + batch * hidden;
  std::fill_n(dc, batch * hidden, T{0});
  std::fill_n(dw, columns * hidden, T{0});
  std::fill_n(sums, columns, 0.0);
  for (int64_t t = time; t-- > 0;) {
    for (int64_t n = 0; n < batch; ++n) {
      std::copy_n(dy + (n * time + t) * hidden, hidden, dh + n * hidden);
    }
    if (t + 1 < time) {
      matrix::MultiplyBlocks<T>(kPlain, {dgates + (t + 1) * columns, time * columns}, kPlain,
                                {w, hidden}, batch, hidden, columns, 1, 1, {dh, hidden});
    }
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t row = n * time + t, place = row * hidden;
      LstmCellBackward(hidden, gates + row * columns, t > 0 ? kept + place - hidden : nullptr,
                       tanhs + place, dh + n * hidden, dc + n * hidden, dgates + row * columns);
    }
    AddRowsTo(dgates + t * columns, batch, time * columns, columns, sums);
    if (t == 0) break;
    matrix::MultiplyBlocks<T>(kTransposed, {dgates + t * columns, time * columns}, kPlain,
                              {y + (t - 1) * hidden, time * hidden}, columns, hidden, batch, 1, 1,
                              {dw, hidden});
  }
  for (int64_t c = 0; c < columns; ++c) db[c] = static_cast<T>(sums[c]);
}

template <class T>
void GruLoops::Forward(const T* w, const T* b, T* gates, T* kept, T* y) const {
  const int64_t columns = kGates * hidden;
  for (int64_t n = 0; n < batch * time; ++n) std::copy_n(b, columns, kept + n * columns);
  for (int64_t t = 0; t < time; ++t) {
    if (t > 0) {
      matrix::MultiplyBlocks<T>(kPlain, {y + (t - 1) * hidden, time * hidden}, kTransposed,
                                {w, hidden}, batch, columns, hidden, 1, 1,
                                {kept + t * columns, time * columns});
    }
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t row = n * time + t;
      T* now = y + row * hidden;
      GruCell(hidden, kept + row * columns, t > 0 ? now - hidden : nullptr, gates + row * columns,
              now);
    }
  }
}

template <class T>
void GruLoops::Backward(const T* dy, const T* w, const T* gates, const T* kept, const T* y,
                        T* scratch, T* dgates, T* dw, T* db) const {
  const int64_t columns = kGates * hidden;
  auto* sums = reinterpret_cast<double*>(scratch);
  T *dh = scratch + kSumElements * columns, *dhidden = dh + batch * hidden;
  std::fill_n(dh, batch * hidden, T{0});
  std::fill_n(dw, columns * hidden, T{0});
  std::fill_n(sums, columns, 0.0);
  for (int64_t t = time; t-- > 0;) {
    for (int64_t n = 0; n < batch; ++n) {
      const int64_t row = n * time + t;
      const T* now = y + row * hidden;
      Add(dy + row * hidden, hidden, dh + n * hidden);
      GruCellBackward(hidden, gates + row * columns, kept + row * columns,
                      t > 0 ? now - hidden : nullptr, dh + n * hidden, dgates + row * columns,
                      dhidden + n * columns);
    }
    AddRowsTo(dhidden, batch, columns, columns, sums);
    if (t == 0) break;
    matrix::MultiplyBlocks<T>(kTransposed, {dhidden, columns}, kPlain,
                              {y + (t - 1) * hidden, time * hidden}, columns, hidden, batch, 1, 1,
                              {dw, hidden});
    matrix::MultiplyBlocks<T>(kPlain, {dhidden, columns}, kPlain, {w, hidden}, batch, hidden,
                              columns, 1, 1, {dh, hidden});
  }
  for (int64_t c = 0; c < columns; ++c) db[c] = static_cast<T>(sums[c]);
}

#define DESCENT_INSTANTIATE(Loops, T)                                                             \
  template void Loops::Forward(const T*, const T*, T*, T*, T*) const;                             \
  template void Loops::Backward(const T*, const T*, const T*, const T*, const T*, T*, T*, T*, T*) \
      const;
DESCENT_INSTANTIATE(LstmLoops, float)
DESCENT_INSTANTIATE(LstmLoops, double)
DESCENT_INSTANTIATE(GruLoops, float)
DESCENT_INSTANTIATE(GruLoops, double)
#undef DESCENT_INSTANTIATE

}  // namespace descent
