#include "core/objective/penalty.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/flat_parameters.h"
#include "core/model/pattern.h"
#include "core/plan/kernel.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

// Sums are made in so many lanes, so that they vectorize; the same ones on every processor.
constexpr int64_t kLanes = 8;

#define DESCENT_INLINE inline __attribute__((always_inline))

template <class F>
DESCENT_INLINE double SumOf(int64_t count, F term) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += term(i + l);
  }
  double sum = 0;
  for (; i < count; ++i) sum += term(i);
  for (const double lane : lanes) sum += lane;
  return sum;
}

// Gives Σ|x|, and adds weight·sign(x) to g.
template <class T>
DESCENT_INLINE double AddL1(const T* __restrict__ x, int64_t count, T weight, T* __restrict__ g) {
  return SumOf(count, [&](int64_t i) {
    g[i] += x[i] > 0 ? weight : x[i] < 0 ? -weight : x[i];  // NaN stays NaN
    return static_cast<double>(std::abs(x[i]));
  });
}

// Gives Σx², and adds weight·x to g.
template <class T>
DESCENT_INLINE double AddL2(const T* __restrict__ x, int64_t count, T weight, T* __restrict__ g) {
  return SumOf(count, [&](int64_t i) {
    g[i] += weight * x[i];
    return static_cast<double>(x[i]) * static_cast<double>(x[i]);
  });
}

DESCENT_VECTORIZED double L1(const float* x, int64_t count, double weight, float* g) {
  return AddL1(x, count, static_cast<float>(weight), g);
}
DESCENT_VECTORIZED double L1(const double* x, int64_t count, double weight, double* g) {
  return AddL1(x, count, weight, g);
}
DESCENT_VECTORIZED double L2(const float* x, int64_t count, double weight, float* g) {
  return AddL2(x, count, static_cast<float>(weight), g);
}
DESCENT_VECTORIZED double L2(const double* x, int64_t count, double weight, double* g) {
  return AddL2(x, count, weight, g);
}

template <class T>
double SumOfSquares(const T* x, int64_t count) {
  return SumOf(count,
               [&](int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); });
}

double RootOfCount(const at::Tensor& x) { return std::sqrt(static_cast<double>(x.numel())); }

}  // namespace

at::Tensor L1Formula::Value(const at::Tensor& x) { return x.abs().sum(); }

double L1Formula::Add(double weight, const at::Tensor& x, const at::Tensor& g) {
  double value = 0;
  const bool done = OnCpu(x, [&]<class T>(T*) {
    value = L1(x.const_data_ptr<T>(), x.numel(), weight, g.mutable_data_ptr<T>());
  });
  if (done) return value;
  g.add_(x.sign(), weight);
  return x.abs().sum().item<double>();
}

at::Tensor L2Formula::Value(const at::Tensor& x) { return x.square().sum() / 2; }

double L2Formula::Add(double weight, const at::Tensor& x, const at::Tensor& g) {
  double squares = 0;
  const bool done = OnCpu(x, [&]<class T>(T*) {
    squares = L2(x.const_data_ptr<T>(), x.numel(), weight, g.mutable_data_ptr<T>());
  });
  if (done) return 0.5 * squares;
  g.add_(x, weight);
  return 0.5 * x.square().sum().item<double>();
}

at::Tensor GroupFormula::Value(const at::Tensor& x) { return x.norm() * RootOfCount(x); }

double GroupFormula::Add(double weight, const at::Tensor& x, const at::Tensor& g) {
  const double root = RootOfCount(x);
  double norm = 0;
  const bool done = OnCpu(x, [&]<class T>(T*) {
    const T* from = x.const_data_ptr<T>();
    norm = std::sqrt(SumOfSquares(from, x.numel()));
    if (norm != 0) L2(from, x.numel(), weight * root / norm, g.mutable_data_ptr<T>());
  });
  if (done) return root * norm;
  norm = x.norm().item<double>();
  if (norm != 0) g.add_(x, weight * root / norm);
  return root * norm;
}

absl::Status CheckPenalties(std::span<const Penalty> penalties,
                            std::span<const Parameter> parameters) {
  for (size_t i = 0; i < penalties.size(); ++i) {
    const bool fits = std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) {
      return MatchesPattern(penalties[i].pattern, p.name);
    });
    if (fits) continue;
    return absl::InvalidArgumentError(absl::StrCat("penalties[", i, "].", penalties[i].name,
                                                   ": no parameter fits \"",
                                                   ShortUtf8(penalties[i].pattern, 100), "\""));
  }
  return absl::OkStatus();
}

at::Tensor PenaltyValue(const Penalty& penalty, std::span<const Parameter> parameters) {
  at::Tensor sum;
  for (const Parameter& parameter : parameters) {
    if (!MatchesPattern(penalty.pattern, parameter.name)) continue;
    const at::Tensor value = penalty.value(parameter.tensor);
    sum = sum.defined() ? sum + value : value;
  }
  return sum.defined() ? sum : at::zeros({}, parameters.front().tensor.options());
}

void PenaltyPass::AddTo(std::span<const Penalty> penalties, std::span<const double> weights,
                        const FlatParameters& x, const FlatParameters& g,
                        std::span<double> values) {
  if (!x.SameLayout(layout_)) {
    if (absl::Status status = CheckPenalties(penalties, x.views()); !status.ok()) {
      throw std::invalid_argument(std::string(status.message()));
    }
    places_.clear();
    for (size_t i = 0; i < penalties.size(); ++i) {
      for (size_t p = 0; p < x.views().size(); ++p) {
        if (MatchesPattern(penalties[i].pattern, x.views()[p].name)) places_.push_back({i, p});
      }
    }
    layout_ = x.layout();
  }
  std::fill(values.begin(), values.end(), 0);
  for (const auto& [i, p] : places_) {
    values[i] += penalties[i].add(weights[i], x.tensors()[p], g.tensors()[p]);
  }
}

}  // namespace descent
