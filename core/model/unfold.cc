#include "core/model/unfold.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/plan/kernel.h"
#include "core/plan/vector.h"

namespace descent {
namespace {

// Calls f(row of the matrix of columns, where its first place lies in a padded image).
template <class F>
void ForEachRow(const Unfolding& u, const F& f) {
  int64_t row = 0;
  for (int64_t c = 0; c < u.channels; ++c) {
    for (int64_t i = 0; i < u.kernel[0]; ++i) {
      for (int64_t j = 0; j < u.kernel[1]; ++j, ++row) {
        f(row, c * u.plane() + i * u.dilation[0] * u.pitch() + j * u.dilation[1]);
      }
    }
  }
}

// Calls f(offset in an image, offset in a padded one) for each row of pixels.
template <class F>
void ForEachPixelRow(const Unfolding& u, const F& f) {
  int64_t row = 0;
  for (int64_t c = 0; c < u.channels; ++c) {
    for (int64_t i = 0; i < u.input[0]; ++i, ++row) {
      f(row * u.input[1], c * u.plane() + (i + u.padding[0]) * u.pitch() + u.padding[1]);
    }
  }
}

}  // namespace

int64_t Unfolding::reach(size_t d) const {
  return std::max(padding[d] + input[d],
                  (output[d] - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1);
}

int64_t Unfolding::pitch() const {
  // The gap between two rows is long enough for the end of the one and the start of the other.
  const int64_t after = reach(1) - padding[1] - input[1];
  const int64_t shared = input[1] + std::max(padding[1], after);
  return dense() ? std::max(shared, output[1]) : shared;
}

template <class T>
void Unfolding::Pad(const T* image, T* padded) const {
  ForEachPixelRow(*this, [&](int64_t from, int64_t to) {
    std::memcpy(padded + to, image + from, input[1] * sizeof(T));
  });
}

template <class T>
void Unfolding::Unpad(const T* padded, T* image) const {
  ForEachPixelRow(*this, [&](int64_t to, int64_t from) {
    std::memcpy(image + to, padded + from, input[1] * sizeof(T));
  });
}

template <class T>
void Unfolding::Unfold(const T* padded, T* columns) const {
  const int64_t count = places();
  ForEachRow(*this, [&](int64_t row, int64_t start) {
    T* to = columns + row * count;
    const T* from = padded + start;
    if (dense()) {
      std::memcpy(to, from, count * sizeof(T));
      return;
    }
    for (int64_t i = 0; i < output[0]; ++i, from += stride[0] * pitch()) {
      for (int64_t j = 0; j < output[1]; ++j) *to++ = from[j * stride[1]];
    }
  });
}

template <class T>
void Unfolding::Fold(const T* columns, T* padded) const {
  std::fill_n(padded, this->padded(), T{0});
  const int64_t count = places();
  ForEachRow(*this, [&](int64_t row, int64_t start) {
    const T* from = columns + row * count;
    T* to = padded + start;
    if (dense()) {
      AddTo(from, count, to);
      return;
    }
    for (int64_t i = 0; i < output[0]; ++i, to += stride[0] * pitch()) {
      for (int64_t j = 0; j < output[1]; ++j) to[j * stride[1]] += *from++;
    }
  });
}

template <class T>
void Unfolding::Gather(const T* places, int64_t count, const T* bias, T* maps) const {
  for (int64_t k = 0; k < count; ++k) {
    const T constant = bias == nullptr ? T{0} : bias[k];
    for (int64_t i = 0; i < output[0]; ++i, places += width()) {
      for (int64_t j = 0; j < output[1]; ++j) *maps++ = places[j] + constant;
    }
  }
}

template <class T>
void Unfolding::Scatter(const T* maps, int64_t count, T* places) const {
  for (int64_t i = 0; i < count * output[0]; ++i, maps += output[1], places += width()) {
    std::memcpy(places, maps, output[1] * sizeof(T));
  }
}

#define DESCENT_INSTANTIATE(T)                                            \
  template void Unfolding::Pad(const T*, T*) const;                       \
  template void Unfolding::Unpad(const T*, T*) const;                     \
  template void Unfolding::Unfold(const T*, T*) const;                    \
  template void Unfolding::Fold(const T*, T*) const;                      \
  template void Unfolding::Gather(const T*, int64_t, const T*, T*) const; \
  template void Unfolding::Scatter(const T*, int64_t, T*) const;
DESCENT_INSTANTIATE(float)
DESCENT_INSTANTIATE(double)
#undef DESCENT_INSTANTIATE

}  // namespace descent
