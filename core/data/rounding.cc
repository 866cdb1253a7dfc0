#include "core/data/rounding.h"

#include <ATen/Dispatch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace descent {
namespace {

constexpr double kFewSteps = 1024;

}  // namespace

std::optional<CoarseFeature> FindCoarse(const at::Tensor& values, at::ScalarType dtype) {
  // The numbers are looked at as doubles, which are no coarser than themselves.
  if (dtype != at::kFloat) return std::nullopt;
  const at::ScalarType type = values.scalar_type();
  if (type != at::kDouble && type != at::kLong && type != at::kInt) return std::nullopt;
  const at::Tensor rows = values.contiguous();
  const auto features = static_cast<size_t>(rows.numel() / rows.size(0));
  std::vector<double> least(features, std::numeric_limits<double>::infinity());
  std::vector<double> greatest(features, -std::numeric_limits<double>::infinity());
  AT_DISPATCH_ALL_TYPES(type, "rounding", [&] {
    const scalar_t* x = rows.const_data_ptr<scalar_t>();
    for (int64_t row = 0; row < rows.size(0); ++row, x += features) {
      for (size_t f = 0; f < features; ++f) {
        const auto number = static_cast<double>(x[f]);
        // In this order NaN is never taken.
        least[f] = number < least[f] ? number : least[f];
        greatest[f] = number > greatest[f] ? number : greatest[f];
      }
    }
  });
  for (size_t f = 0; f < features; ++f) {
    const double size = std::max(std::abs(least[f]), std::abs(greatest[f]));
    const double steps = (greatest[f] - least[f]) /
                         (size * static_cast<double>(std::numeric_limits<float>::epsilon()));
    if (steps > 0 && steps < kFewSteps) {
      return CoarseFeature{static_cast<int64_t>(f), std::max<int64_t>(1, std::llround(steps))};
    }
  }
  return std::nullopt;
}

}  // namespace descent
