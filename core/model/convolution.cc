#include "core/model/convolution.h"

#include <algorithm>
#include <cstdint>

#include "core/plan/kernel.h"
#include "core/plan/matrix.h"
#include "core/plan/reduce.h"
#include "core/plan/vector.h"

namespace descent {
namespace {

using enum matrix::Form;

// Adds the sum of map k to sums[k].
#define DESCENT_ADD_SUMS(T)                                                                    \
  DESCENT_VECTORIZED void AddSums(const T* maps, int64_t count, int64_t size, double* sums) {  \
    for (int64_t k = 0; k < count; ++k, maps += size) {                                        \
      sums[k] += SumOf<double>(size, [=](int64_t i) { return static_cast<double>(maps[i]); }); \
    }                                                                                          \
  }
DESCENT_ADD_SUMS(float)
DESCENT_ADD_SUMS(double)
#undef DESCENT_ADD_SUMS

}  // namespace

// Gives the columns of one group of an image. The gaps of `padded` are zero.
template <class T>
const T* Convolution::Columns(const T* x, T* padded, T* columns) const {
  if (group.identity()) return x;
  group.Pad(x, padded);
  group.Unfold(padded, columns);
  return columns;
}

template <class T>
void Convolution::Forward(const T* x, int64_t batch, const T* w, const T* bias, T* scratch,
                          T* y) const {
  T *padded = scratch, *columns = padded + this->padded(), *places = columns + this->columns();
  std::fill_n(padded, this->padded(), T{0});
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t g = 0; g < groups; ++g, x += image(), y += out() * map()) {
      const T* matrix = Columns(x, padded, columns);
      matrix::MultiplyBlocks<T>(kPlain, {w + g * weights(), group.rows()}, kPlain,
                                {matrix, group.places()}, out(), group.places(), group.rows(), 1, 0,
                                {places, group.places()});
      group.Gather(places, out(), bias == nullptr ? nullptr : bias + g * out(), y);
    }
  }
}

template <class T>
void Convolution::Backward(const T* dy, const T* x, int64_t batch, const T* w, T* scratch, T* dx,
                           T* dw, T* dbias) const {
  // The sums come first in the scratch memory, where the alignment is that of any type.
  auto* sums = reinterpret_cast<double*>(scratch);
  T* padded = scratch + kSumElements * out_channels;
  T *columns = padded + this->padded(), *places = columns + this->columns();
  // Columns that are no windows have no derivative.
  std::fill_n(places, this->places(), T{0});
  std::fill_n(dw, groups * weights(), T{0});
  std::fill_n(sums, out_channels, 0.0);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t g = 0; g < groups; ++g, x += image(), dy += out() * map()) {
      if (dbias != nullptr) AddSums(dy, out(), map(), sums + g * out());
      group.Scatter(dy, out(), places);
      std::fill_n(padded, this->padded(), T{0});  // Fold has written there
      const T* matrix = Columns(x, padded, columns);
      matrix::MultiplyBlocks<T>(kPlain, {places, group.places()}, kTransposed,
                                {matrix, group.places()}, out(), group.rows(), group.places(), 1, 1,
                                {dw + g * weights(), group.rows()});
      if (dx == nullptr) continue;
      T* dcolumns = group.identity() ? dx : columns;
      matrix::MultiplyBlocks<T>(kTransposed, {w + g * weights(), group.rows()}, kPlain,
                                {places, group.places()}, group.rows(), group.places(), out(), 1, 0,
                                {dcolumns, group.places()});
      if (!group.identity()) {
        group.Fold(columns, padded);
        group.Unpad(padded, dx);
      }
      dx += image();
    }
  }
  if (dbias == nullptr) return;
  for (int64_t k = 0; k < out_channels; ++k) dbias[k] = static_cast<T>(sums[k]);
}

#define DESCENT_INSTANTIATE(T)                                                             \
  template void Convolution::Forward(const T*, int64_t, const T*, const T*, T*, T*) const; \
  template void Convolution::Backward(const T*, const T*, int64_t, const T*, T*, T*, T*, T*) const;
DESCENT_INSTANTIATE(float)
DESCENT_INSTANTIATE(double)
#undef DESCENT_INSTANTIATE

}  // namespace descent
