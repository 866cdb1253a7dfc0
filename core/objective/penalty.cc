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

using Kind = Penalty::Kind;

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

// Σ|x|; g ← g + weight·sign(x).
template <class T>
DESCENT_INLINE double AddL1(const T* __restrict__ x, int64_t count, T weight, T* __restrict__ g) {
  return SumOf(count, [&](int64_t i) {
    g[i] += x[i] > 0 ? weight : x[i] < 0 ? -weight : x[i];  // NaN stays NaN
    return static_cast<double>(std::abs(x[i]));
  });
}

// Σx²; g ← g + weight·x.
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

// The value at one parameter; adds the derivative times the weight to g.
double Add(Kind kind, double weight, const at::Tensor& x, const at::Tensor& g) {
  double value = 0;
  const bool done = OnCpu(x, [&]<class T>(T*) {
    const T* from = x.const_data_ptr<T>();
    T* to = g.mutable_data_ptr<T>();
    const int64_t count = x.numel();
    switch (kind) {
      case Kind::kL1:
        value = L1(from, count, weight, to);
        return;
      case Kind::kL2:
        value = 0.5 * L2(from, count, weight, to);
        return;
      case Kind::kGroup:
        const double norm = std::sqrt(SumOfSquares(from, count)), root = RootOfCount(x);
        value = root * norm;
        if (norm != 0) L2(from, count, weight * root / norm, to);
        return;
    }
  });
  if (done) return value;
  switch (kind) {
    case Kind::kL1:
      g.add_(x.sign(), weight);
      return x.abs().sum().item<double>();
    case Kind::kL2:
      g.add_(x, weight);
      return 0.5 * x.square().sum().item<double>();
    case Kind::kGroup:
      break;
  }
  const double norm = x.norm().item<double>();
  if (norm != 0) g.add_(x, weight * RootOfCount(x) / norm);
  return RootOfCount(x) * norm;
}

// The value at one parameter.
at::Tensor ValueOf(Kind kind, const at::Tensor& x) {
  switch (kind) {
    case Kind::kL1:
      return x.abs().sum();
    case Kind::kL2:
      return x.square().sum() / 2;
    case Kind::kGroup:
      break;
  }
  return x.norm() * RootOfCount(x);
}

}  // namespace

absl::Status CheckPenalties(std::span<const Penalty> penalties,
                            std::span<const Parameter> parameters) {
  for (size_t i = 0; i < penalties.size(); ++i) {
    const bool fits = std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) {
      return MatchesPattern(penalties[i].pattern, p.name);
    });
    if (fits) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("penalties[", i, "].", std::string(penalties[i].name()),
                     ": no parameter fits \"", ShortUtf8(penalties[i].pattern, 100), "\""));
  }
  return absl::OkStatus();
}

at::Tensor PenaltyValue(const Penalty& penalty, std::span<const Parameter> parameters) {
  at::Tensor sum;
  for (const Parameter& parameter : parameters) {
    if (!MatchesPattern(penalty.pattern, parameter.name)) continue;
    const at::Tensor value = ValueOf(penalty.kind, parameter.tensor);
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
    values[i] += Add(penalties[i].kind, weights[i], x.tensors()[p], g.tensors()[p]);
  }
}

}  // namespace descent
