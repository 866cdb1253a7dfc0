#include "core/plan/vector.h"

#include <algorithm>
#include <cstdint>

#include "core/plan/kernel.h"

namespace descent {

DESCENT_VECTORIZED void AddTo(const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += x[i];
}
DESCENT_VECTORIZED void AddTo(const double* x, int64_t count, double* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += x[i];
}

namespace {

// So many columns have sums that stay in the nearest cache.
constexpr int64_t kTile = 512;

// Sums row(i)[0 .. columns) for i < count, a tile of columns at a time.
template <class T, class Row>
[[gnu::always_inline]] inline void Sum(int64_t count, int64_t columns, Row row, T* sums) {
  for (int64_t first = 0; first < columns; first += kTile) {
    const int64_t width = columns - first < kTile ? columns - first : kTile;
    double tile[kTile];
    const T* start = row(0) + first;
    for (int64_t c = 0; c < width; ++c) tile[c] = static_cast<double>(start[c]);
    for (int64_t i = 1; i < count; ++i) {
      const T* x = row(i) + first;
      for (int64_t c = 0; c < width; ++c) tile[c] += static_cast<double>(x[c]);
    }
    for (int64_t c = 0; c < width; ++c) sums[first + c] = static_cast<T>(tile[c]);
  }
}

template <class T>
[[gnu::always_inline]] inline void AddRows(const T* x, int64_t rows, int64_t stride,
                                           int64_t columns, double* sums) {
  for (int64_t r = 0; r < rows; ++r, x += stride) {
    for (int64_t c = 0; c < columns; ++c) sums[c] += static_cast<double>(x[c]);
  }
}

}  // namespace

#define DESCENT_SUMS(T)                                                                           \
  DESCENT_VECTORIZED void SumOfRows(const T* x, int64_t rows, int64_t stride, int64_t columns,    \
                                    T* sums) {                                                    \
    Sum(                                                                                          \
        rows, columns, [=](int64_t r) __attribute__((always_inline)) { return x + r * stride; },  \
        sums);                                                                                    \
  }                                                                                               \
  DESCENT_VECTORIZED void SumOfListed(const T* x, const int64_t* places, int64_t count,           \
                                      int64_t columns, T* sums) {                                 \
    if (count == 0) {                                                                             \
      std::fill_n(sums, columns, T{0});                                                           \
      return;                                                                                     \
    }                                                                                             \
    Sum(                                                                                          \
        count, columns,                                                                           \
        [=](int64_t i) __attribute__((always_inline)) { return x + places[i] * columns; }, sums); \
  }                                                                                               \
  DESCENT_VECTORIZED void AddRowsTo(const T* x, int64_t rows, int64_t stride, int64_t columns,    \
                                    double* sums) {                                               \
    AddRows(x, rows, stride, columns, sums);                                                      \
  }
DESCENT_SUMS(float)
DESCENT_SUMS(double)
#undef DESCENT_SUMS

}  // namespace descent
