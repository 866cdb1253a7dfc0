#include "core/model/normalize.h"

#include <cmath>
#include <cstdint>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/rsqrt.h"
#include "ATen/ops/var_mean.h"
#include "core/plan/kernel.h"

// The bodies are templates that are inlined into one function for each type, which the compiler
// makes for each vector width.
#define DESCENT_INLINE [[gnu::always_inline]] inline

namespace descent::normalize {
namespace {

// So many groups have sums that stay in the nearest cache.
constexpr int64_t kTile = 128;

// Gives Σ term(i) for i < count, in an order that is the same for each vector width.
template <class Term>
DESCENT_INLINE double Sum(int64_t count, Term term) {
  constexpr int64_t kLanes = 16;
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += term(i + l);
  }
  for (; i < count; ++i) lanes[i % kLanes] += term(i);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

// Gives the sum over a group of runs of `inner` numbers.
template <class Term>
DESCENT_INLINE double SumOfGroup(const Extent& e, int64_t group, Term term) {
  double sum = 0;
  for (int64_t o = 0; o < e.outer; ++o) {
    const int64_t first = (o * e.groups + group) * e.inner;
    sum += Sum(e.inner, [&](int64_t i) __attribute__((always_inline)) { return term(first + i); });
  }
  return sum;
}

template <class T>
DESCENT_INLINE void MomentsBody(const Extent& e, double epsilon, const T* x, T* mean, T* variance,
                                T* inverse) {
  const double count = static_cast<double>(e.outer * e.inner);
  if (e.inner > 1) {
    for (int64_t g = 0; g < e.groups; ++g) {
      const double m =
          SumOfGroup(e, g, [=](int64_t i) { return static_cast<double>(x[i]); }) / count;
      const double v = SumOfGroup(e, g,
                                  [=](int64_t i) {
                                    const double difference = static_cast<double>(x[i]) - m;
                                    return difference * difference;
                                  }) /
                       count;
      mean[g] = static_cast<T>(m);
      inverse[g] = static_cast<T>(1 / std::sqrt(v + epsilon));
      variance[g] = static_cast<T>(v);
    }
    return;
  }
  // Here groups lie side by side, so each row is added to a tile of them at once.
  const double share = 1 / count;
  for (int64_t first = 0; first < e.groups; first += kTile) {
    const int64_t width = e.groups - first < kTile ? e.groups - first : kTile;
    double m[kTile] = {}, v[kTile] = {};
    for (int64_t o = 0; o < e.outer; ++o) {
      const T* row = x + o * e.groups + first;
      for (int64_t g = 0; g < width; ++g) m[g] += static_cast<double>(row[g]);
    }
    for (int64_t g = 0; g < width; ++g) m[g] *= share;
    for (int64_t o = 0; o < e.outer; ++o) {
      const T* row = x + o * e.groups + first;
      for (int64_t g = 0; g < width; ++g) {
        const double difference = static_cast<double>(row[g]) - m[g];
        v[g] += difference * difference;
      }
    }
    for (int64_t g = 0; g < width; ++g) {
      v[g] /= count;
      mean[first + g] = static_cast<T>(m[g]);
      inverse[first + g] = static_cast<T>(1 / std::sqrt(v[g] + epsilon));
      variance[first + g] = static_cast<T>(v[g]);
    }
  }
}

template <class T>
DESCENT_INLINE void NormalizeBody(const Extent& e, const T* x, const T* mean, const T* inverse,
                                  T* y) {
  for (int64_t o = 0; o < e.outer; ++o) {
    const int64_t first = o * e.groups * e.inner;
    if (e.inner == 1) {
      for (int64_t g = 0; g < e.groups; ++g) {
        y[first + g] = (x[first + g] - mean[g]) * inverse[g];
      }
      continue;
    }
    for (int64_t g = 0; g < e.groups; ++g) {
      const T* from = x + first + g * e.inner;
      T* to = y + first + g * e.inner;
      const T m = mean[g], s = inverse[g];
      for (int64_t i = 0; i < e.inner; ++i) to[i] = (from[i] - m) * s;
    }
  }
}

template <class T>
DESCENT_INLINE void SumsBody(const Extent& e, const T* y, const T* dy, T* sum, T* product) {
  if (e.inner > 1) {
    for (int64_t g = 0; g < e.groups; ++g) {
      sum[g] =
          static_cast<T>(SumOfGroup(e, g, [=](int64_t i) { return static_cast<double>(dy[i]); }));
      product[g] = static_cast<T>(SumOfGroup(
          e, g, [=](int64_t i) { return static_cast<double>(dy[i]) * static_cast<double>(y[i]); }));
    }
    return;
  }
  for (int64_t first = 0; first < e.groups; first += kTile) {
    const int64_t width = e.groups - first < kTile ? e.groups - first : kTile;
    double s[kTile] = {}, p[kTile] = {};
    for (int64_t o = 0; o < e.outer; ++o) {
      const T *slopes = dy + o * e.groups + first, *values = y + o * e.groups + first;
      for (int64_t g = 0; g < width; ++g) {
        const double slope = static_cast<double>(slopes[g]);
        s[g] += slope;
        p[g] += slope * static_cast<double>(values[g]);
      }
    }
    for (int64_t g = 0; g < width; ++g) {
      sum[first + g] = static_cast<T>(s[g]);
      product[first + g] = static_cast<T>(p[g]);
    }
  }
}

template <class T>
DESCENT_INLINE void DifferentiateBody(const Extent& e, const T* y, const T* dy, const T* inverse,
                                      const T* sum, const T* product, T* dx) {
  const T share = static_cast<T>(1.0 / static_cast<double>(e.outer * e.inner));
  for (int64_t o = 0; o < e.outer; ++o) {
    const int64_t first = o * e.groups * e.inner;
    if (e.inner == 1) {
      for (int64_t g = 0; g < e.groups; ++g) {
        const int64_t i = first + g;
        dx[i] = inverse[g] * (dy[i] - sum[g] * share - y[i] * (product[g] * share));
      }
      continue;
    }
    for (int64_t g = 0; g < e.groups; ++g) {
      const T s = inverse[g], mean = sum[g] * share, along = product[g] * share;
      for (int64_t i = first + g * e.inner; i < first + (g + 1) * e.inner; ++i) {
        dx[i] = s * (dy[i] - mean - y[i] * along);
      }
    }
  }
}

template <class T>
DESCENT_INLINE void ScaleBody(const Extent& e, const T* x, const T* weight, const T* bias, T* y) {
  if (bias == nullptr) {
    for (int64_t o = 0; o < e.outer * e.groups; ++o) {
      const T w = weight[o % e.groups];
      for (int64_t i = o * e.inner; i < (o + 1) * e.inner; ++i) y[i] = x[i] * w;
    }
    return;
  }
  for (int64_t o = 0; o < e.outer; ++o) {
    const int64_t first = o * e.groups * e.inner;
    if (e.inner == 1) {
      for (int64_t g = 0; g < e.groups; ++g) y[first + g] = x[first + g] * weight[g] + bias[g];
      continue;
    }
    for (int64_t g = 0; g < e.groups; ++g) {
      const T w = weight[g], b = bias[g];
      for (int64_t i = first + g * e.inner; i < first + (g + 1) * e.inner; ++i) {
        y[i] = x[i] * w + b;
      }
    }
  }
}

DESCENT_VECTORIZED void MomentsOf(const Extent& e, double epsilon, const float* x, float* mean,
                                  float* variance, float* inverse) {
  MomentsBody(e, epsilon, x, mean, variance, inverse);
}
DESCENT_VECTORIZED void MomentsOf(const Extent& e, double epsilon, const double* x, double* mean,
                                  double* variance, double* inverse) {
  MomentsBody(e, epsilon, x, mean, variance, inverse);
}
DESCENT_VECTORIZED void NormalizeOf(const Extent& e, const float* x, const float* mean,
                                    const float* inverse, float* y) {
  NormalizeBody(e, x, mean, inverse, y);
}
DESCENT_VECTORIZED void NormalizeOf(const Extent& e, const double* x, const double* mean,
                                    const double* inverse, double* y) {
  NormalizeBody(e, x, mean, inverse, y);
}
DESCENT_VECTORIZED void SumsOf(const Extent& e, const float* y, const float* dy, float* sum,
                               float* product) {
  SumsBody(e, y, dy, sum, product);
}
DESCENT_VECTORIZED void SumsOf(const Extent& e, const double* y, const double* dy, double* sum,
                               double* product) {
  SumsBody(e, y, dy, sum, product);
}
DESCENT_VECTORIZED void DifferentiateOf(const Extent& e, const float* y, const float* dy,
                                        const float* inverse, const float* sum,
                                        const float* product, float* dx) {
  DifferentiateBody(e, y, dy, inverse, sum, product, dx);
}
DESCENT_VECTORIZED void DifferentiateOf(const Extent& e, const double* y, const double* dy,
                                        const double* inverse, const double* sum,
                                        const double* product, double* dx) {
  DifferentiateBody(e, y, dy, inverse, sum, product, dx);
}
DESCENT_VECTORIZED void ScaleOf(const Extent& e, const float* x, const float* weight,
                                const float* bias, float* y) {
  ScaleBody(e, x, weight, bias, y);
}
DESCENT_VECTORIZED void ScaleOf(const Extent& e, const double* x, const double* weight,
                                const double* bias, double* y) {
  ScaleBody(e, x, weight, bias, y);
}

// Views x as [outer, groups, inner], and v, one number for each group, as what broadcasts to that.
at::Tensor Whole(const Extent& e, const at::Tensor& x) {
  return x.view({e.outer, e.groups, e.inner});
}
at::Tensor ByGroup(const Extent& e, const at::Tensor& v) { return v.view({1, e.groups, 1}); }

}  // namespace

void Moments(const Extent& extent, double epsilon, const at::Tensor& x, const at::Tensor& mean,
             const at::Tensor& variance, const at::Tensor& inverse) {
  const bool done = OnCpu(x, [&]<class T>(T*) {
    MomentsOf(extent, epsilon, x.const_data_ptr<T>(), mean.mutable_data_ptr<T>(),
              variance.mutable_data_ptr<T>(), inverse.mutable_data_ptr<T>());
  });
  if (done) return;
  const auto [v, m] = at::var_mean(Whole(extent, x).to(mean.scalar_type()), at::IntArrayRef{0, 2},
                                   /*unbiased=*/false);
  mean.view_as(m).copy_(m);
  variance.view_as(v).copy_(v);
  inverse.view_as(v).copy_(at::rsqrt(v + epsilon));
}

void Invert(double epsilon, const at::Tensor& variance, const at::Tensor& inverse) {
  const bool done = OnCpu(variance, [&]<class T>(T*) {
    const T* from = variance.const_data_ptr<T>();
    T* to = inverse.mutable_data_ptr<T>();
    for (int64_t i = 0; i < variance.numel(); ++i) {
      to[i] = static_cast<T>(1 / std::sqrt(static_cast<double>(from[i]) + epsilon));
    }
  });
  if (!done) inverse.copy_(at::rsqrt(variance + epsilon));
}

void Normalize(const Extent& extent, const at::Tensor& x, const at::Tensor& mean,
               const at::Tensor& inverse, const at::Tensor& y) {
  const bool done = OnCpu(x, [&]<class T>(T*) {
    NormalizeOf(extent, x.const_data_ptr<T>(), mean.const_data_ptr<T>(),
                inverse.const_data_ptr<T>(), y.mutable_data_ptr<T>());
  });
  if (done) return;
  Whole(extent, y).copy_((Whole(extent, x) - ByGroup(extent, mean)) * ByGroup(extent, inverse));
}

void Sums(const Extent& extent, const at::Tensor& y, const at::Tensor& dy, const at::Tensor& sum,
          const at::Tensor& product) {
  const bool done = OnCpu(y, [&]<class T>(T*) {
    SumsOf(extent, y.const_data_ptr<T>(), dy.const_data_ptr<T>(), sum.mutable_data_ptr<T>(),
           product.mutable_data_ptr<T>());
  });
  if (done) return;
  const at::Tensor whole = Whole(extent, dy);
  sum.view({extent.groups})
      .copy_(whole.sum(at::IntArrayRef{0, 2}, /*keepdim=*/false, sum.scalar_type()));
  product.view({extent.groups})
      .copy_((whole * Whole(extent, y))
                 .sum(at::IntArrayRef{0, 2}, /*keepdim=*/false, product.scalar_type()));
}

void Differentiate(const Extent& extent, const at::Tensor& y, const at::Tensor& dy,
                   const at::Tensor& inverse, const at::Tensor& sum, const at::Tensor& product,
                   const at::Tensor& dx) {
  const bool done = OnCpu(y, [&]<class T>(T*) {
    DifferentiateOf(extent, y.const_data_ptr<T>(), dy.const_data_ptr<T>(),
                    inverse.const_data_ptr<T>(), sum.const_data_ptr<T>(),
                    product.const_data_ptr<T>(), dx.mutable_data_ptr<T>());
  });
  if (done) return;
  const double share = 1.0 / static_cast<double>(extent.outer * extent.inner);
  Whole(extent, dx)
      .copy_(ByGroup(extent, inverse) * (Whole(extent, dy) - ByGroup(extent, sum) * share -
                                         Whole(extent, y) * (ByGroup(extent, product) * share)));
}

void Scale(const Extent& extent, const at::Tensor& x, const at::Tensor& weight,
           const at::Tensor& bias, const at::Tensor& y) {
  const bool done = OnCpu(x, [&]<class T>(T*) {
    ScaleOf(extent, x.const_data_ptr<T>(), weight.const_data_ptr<T>(),
            bias.defined() ? bias.const_data_ptr<T>() : nullptr, y.mutable_data_ptr<T>());
  });
  if (done) return;
  at::Tensor scaled = Whole(extent, x) * ByGroup(extent, weight);
  if (bias.defined()) scaled = scaled + ByGroup(extent, bias);
  Whole(extent, y).copy_(scaled);
}

}  // namespace descent::normalize
