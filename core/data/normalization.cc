#include "core/data/normalization.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace descent {
namespace {

// A double holds every number of a file but an integer of more than 53 bits.
template <typename T>
using WideOf = std::conditional_t<std::is_same_v<T, int64_t>, long double, double>;

// Calls work(a zero of the type that the numbers are computed in).
template <typename Work>
void InWidth(const at::Tensor& values, Work work) {
  if (values.scalar_type() == at::kLong) {
    work(static_cast<long double>(0));
  } else {
    work(0.0);
  }
}

// Calls visit(place, feature, value) for every number, row by row.
template <typename Visit>
void ForEach(const RawNumbers& raw, Visit visit) {
  const int64_t rows = raw.values.size(0);
  const int64_t features = raw.values.numel() / rows;
  AT_DISPATCH_ALL_TYPES_AND3(at::kBool, at::kHalf, at::kBFloat16, raw.values.scalar_type(),
                             "normalization", [&] {
                               using Wide = WideOf<scalar_t>;
                               const scalar_t* values = raw.values.const_data_ptr<scalar_t>();
                               const auto divisor = static_cast<Wide>(raw.divisor);
                               int64_t place = 0;
                               for (int64_t row = 0; row < rows; ++row) {
                                 for (int64_t f = 0; f < features; ++f, ++place) {
                                   auto x = static_cast<Wide>(values[place]);
                                   if (raw.divisor != 1) x /= divisor;
                                   if (!raw.missing.empty() && std::isnan(x))
                                     x = raw.missing[static_cast<size_t>(f)];
                                   visit(place, static_cast<size_t>(f), x);
                                 }
                               }
                             });
}

// Joins the sums (or the least numbers …) of the features to those of the groups, `width` features
// each.
template <typename Wide, typename Join>
std::vector<Wide> ByGroup(const std::vector<Wide>& features, size_t width, Join join) {
  std::vector<Wide> groups;
  for (size_t f = 0; f < features.size(); f += width) {
    Wide group = features[f];
    for (size_t i = 1; i < width; ++i) group = join(group, features[f + i]);
    groups.push_back(group);
  }
  return groups;
}

// Gives how far apart numbers may be for rounding errors alone; integers have none.
template <typename Wide>
Wide Noise(Wide least, Wide greatest) {
  if (std::is_same_v<Wide, long double>) return 0;
  return 8 * std::numeric_limits<Wide>::epsilon() * std::max(std::abs(least), std::abs(greatest));
}

// Learns means and standard deviations, or least numbers and distances, of groups of `width`
// features.
template <typename Wide>
NormalizationNumbers Fit(Normalization::Kind kind, const RawNumbers& raw, size_t features,
                         size_t width) {
  const auto sum = [](Wide a, Wide b) { return a + b; };
  std::vector<Wide> least(features, std::numeric_limits<Wide>::infinity());
  std::vector<Wide> greatest(features, -std::numeric_limits<Wide>::infinity());
  std::vector<Wide> sums(features);
  // A sum of 64-bit integers has more digits than they; the sum of what is above the first one has
  // fewer.
  Wide base = 0;
  if (std::is_same_v<Wide, long double>) {
    base = static_cast<Wide>(raw.values.reshape({-1})[0].template item<int64_t>()) /
           static_cast<Wide>(raw.divisor);
  }
  ForEach(raw, [&](int64_t, size_t f, Wide x) {
    least[f] = std::min(least[f], x);
    greatest[f] = std::max(greatest[f], x);
    sums[f] += x - base;
  });
  least = ByGroup(least, width, [](Wide a, Wide b) { return std::min(a, b); });
  greatest = ByGroup(greatest, width, [](Wide a, Wide b) { return std::max(a, b); });
  std::vector<Wide> offset = least;
  std::vector<Wide> scale(least.size());
  for (size_t g = 0; g < scale.size(); ++g) scale[g] = greatest[g] - least[g];
  if (kind == Normalization::Kind::kStandard) {
    const auto count = static_cast<Wide>(raw.values.size(0)) * static_cast<Wide>(width);
    offset = ByGroup(sums, width, sum);
    for (Wide& mean : offset) mean = base + mean / count;
    std::vector<Wide> squares(features);
    ForEach(raw, [&](int64_t, size_t f, Wide x) {
      squares[f] += (x - offset[f / width]) * (x - offset[f / width]);
    });
    scale = ByGroup(squares, width, sum);
    for (Wide& square : scale) square = std::sqrt(square / count);
  }
  NormalizationNumbers numbers;
  for (size_t g = 0; g < scale.size(); ++g) {
    const bool varies = greatest[g] - least[g] > Noise(least[g], greatest[g]);
    numbers.offset.push_back(varies ? offset[g] : least[g]);
    numbers.scale.push_back(varies ? static_cast<double>(scale[g]) : 1);
  }
  return numbers;
}

}  // namespace

NormalizationNumbers FitNormalization(const Normalization& normalization, const RawNumbers& raw,
                                      const std::vector<bool>& fixed) {
  const auto features = static_cast<size_t>(raw.values.numel() / raw.values.size(0));
  size_t width = 1;  // the features of a group
  if (normalization.per == Normalization::Per::kAll) width = features;
  if (normalization.per == Normalization::Per::kChannel) {
    width = features / static_cast<size_t>(raw.values.size(1));
  }
  NormalizationNumbers numbers;
  InWidth(raw.values, [&](auto zero) {
    numbers = Fit<decltype(zero)>(normalization.kind, raw, features, width);
  });
  for (size_t g = 0; g < numbers.scale.size(); ++g) {
    if (width == 1 && g < fixed.size() && fixed[g]) {
      numbers.offset[g] = 0;
      numbers.scale[g] = 1;
    }
  }
  return numbers;
}

at::Tensor Normalize(const NormalizationNumbers& numbers, const RawNumbers& raw,
                     at::ScalarType dtype) {
  at::Tensor normalized = at::empty(raw.values.sizes(), at::TensorOptions(dtype));
  const size_t features = static_cast<size_t>(raw.values.numel() / raw.values.size(0));
  const size_t width = numbers.offset.empty() ? 1 : features / numbers.offset.size();
  AT_DISPATCH_FLOATING_TYPES(dtype, "normalization", [&] {
    auto* to = normalized.mutable_data_ptr<scalar_t>();
    InWidth(raw.values, [&](auto zero) {
      using Wide = decltype(zero);
      std::vector<Wide> offset(features);
      std::vector<Wide> scale(features, 1);
      for (size_t f = 0; f < features && !numbers.offset.empty(); ++f) {
        offset[f] = static_cast<Wide>(numbers.offset[f / width]);
        scale[f] = static_cast<Wide>(numbers.scale[f / width]);
      }
      ForEach(raw, [&](int64_t place, size_t f, Wide x) {
        to[place] = static_cast<scalar_t>((x - offset[f]) / scale[f]) + scalar_t{0};
      });
    });
  });
  return normalized;
}

at::Tensor Denormalize(const NormalizationNumbers& numbers, const at::Tensor& values) {
  if (numbers.offset.empty()) return values;
  const at::Tensor whole = values.to(at::kCPU, at::kDouble).contiguous();
  at::Tensor original = at::empty(whole.sizes(), at::kDouble);
  const size_t features = static_cast<size_t>(whole.numel() / whole.size(0));
  const size_t width = features / numbers.offset.size();
  auto* to = original.mutable_data_ptr<double>();
  ForEach({.values = whole}, [&](int64_t place, size_t f, double x) {
    const long double y = static_cast<long double>(x) * numbers.scale[f / width];
    to[place] = static_cast<double>(y + numbers.offset[f / width]);
  });
  return original;
}

std::vector<double> FeatureMeans(const RawNumbers& raw) {
  std::vector<double> means;
  InWidth(raw.values, [&](auto zero) {
    using Wide = decltype(zero);
    const auto features = static_cast<size_t>(raw.values.numel() / raw.values.size(0));
    std::vector<Wide> sums(features);
    std::vector<Wide> counts(features);
    ForEach(raw, [&](int64_t, size_t f, Wide x) {
      if (std::isnan(x)) return;
      sums[f] += x;
      ++counts[f];
    });
    for (size_t f = 0; f < features; ++f) {
      means.push_back(counts[f] > 0 ? static_cast<double>(sums[f] / counts[f]) : 0);
    }
  });
  return means;
}

}  // namespace descent
