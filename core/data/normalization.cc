#include "core/data/normalization.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/div.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace descent {
namespace {

// Calls visit(feature, value) for every number, row by row.
template <typename Visit>
void ForEach(const at::Tensor& inputs, Visit visit) {
  const int64_t rows = inputs.size(0);
  const int64_t features = inputs.numel() / rows;
  AT_DISPATCH_FLOATING_TYPES(inputs.scalar_type(), "normalization", [&] {
    const scalar_t* x = inputs.const_data_ptr<scalar_t>();
    for (int64_t row = 0; row < rows; ++row, x += features) {
      for (int64_t f = 0; f < features; ++f) visit(static_cast<size_t>(f), x[f]);
    }
  });
}

// Of the sums (or the least numbers …) of the features: those of the groups, `width` features each.
template <typename Join>
std::vector<double> ByGroup(const std::vector<double>& features, size_t width, Join join) {
  std::vector<double> groups;
  for (size_t f = 0; f < features.size(); f += width) {
    double group = features[f];
    for (size_t i = 1; i < width; ++i) group = join(group, features[f + i]);
    groups.push_back(group);
  }
  return groups;
}

double Sum(double a, double b) { return a + b; }
double Least(double a, double b) { return std::min(a, b); }
double Greatest(double a, double b) { return std::max(a, b); }

}  // namespace

NormalizationNumbers FitNormalization(const Normalization& normalization, const at::Tensor& inputs,
                                      const std::vector<bool>& fixed) {
  const auto features = static_cast<size_t>(inputs.numel() / inputs.size(0));
  size_t width = 1;  // features of a group
  if (normalization.per == Normalization::Per::kAll) width = features;
  if (normalization.per == Normalization::Per::kChannel) {
    width = features / static_cast<size_t>(inputs.size(1));
  }
  const double count = static_cast<double>(inputs.size(0)) * static_cast<double>(width);
  NormalizationNumbers numbers;
  if (normalization.kind == Normalization::Kind::kStandard) {
    std::vector<double> sums(features);
    ForEach(inputs, [&](size_t f, double x) { sums[f] += x; });
    numbers.offset = ByGroup(sums, width, Sum);
    for (double& mean : numbers.offset) mean /= count;
    std::vector<double> means(features);
    for (size_t f = 0; f < features; ++f) means[f] = numbers.offset[f / width];
    std::vector<double> squares(features);
    ForEach(inputs, [&](size_t f, double x) { squares[f] += (x - means[f]) * (x - means[f]); });
    numbers.scale = ByGroup(squares, width, Sum);
    for (double& square : numbers.scale) square = std::sqrt(square / count);
  } else {
    std::vector<double> least(features, std::numeric_limits<double>::infinity());
    std::vector<double> greatest(features, -std::numeric_limits<double>::infinity());
    ForEach(inputs, [&](size_t f, double x) {
      least[f] = std::min(least[f], x);
      greatest[f] = std::max(greatest[f], x);
    });
    numbers.offset = ByGroup(least, width, Least);
    numbers.scale = ByGroup(greatest, width, Greatest);
    for (size_t g = 0; g < numbers.scale.size(); ++g) numbers.scale[g] -= numbers.offset[g];
  }
  for (size_t g = 0; g < numbers.scale.size(); ++g) {
    // The rounding error of a mean is no variation.
    if (!(numbers.scale[g] > 1e-12 * std::abs(numbers.offset[g]))) numbers.scale[g] = 1;
    if (width == 1 && g < fixed.size() && fixed[g]) {
      numbers.offset[g] = 0;
      numbers.scale[g] = 1;
    }
  }
  return numbers;
}

at::Tensor Normalize(const NormalizationNumbers& numbers, const at::Tensor& inputs) {
  const auto tensor = [&](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).to(inputs.scalar_type()).view({1, -1, 1});
  };
  const int64_t groups = static_cast<int64_t>(numbers.offset.size());
  const at::Tensor grouped = inputs.view({inputs.size(0), groups, -1});
  return grouped.sub(tensor(numbers.offset)).div_(tensor(numbers.scale)).view(inputs.sizes());
}

std::vector<double> FeatureMeans(const at::Tensor& inputs) {
  const auto features = static_cast<size_t>(inputs.numel() / inputs.size(0));
  std::vector<double> sums(features);
  std::vector<double> counts(features);
  ForEach(inputs, [&](size_t f, double x) {
    if (std::isnan(x)) return;
    sums[f] += x;
    ++counts[f];
  });
  for (size_t f = 0; f < features; ++f) sums[f] = counts[f] > 0 ? sums[f] / counts[f] : 0;
  return sums;
}

void FillMissing(const std::vector<double>& means, at::Tensor* inputs) {
  AT_DISPATCH_FLOATING_TYPES(inputs->scalar_type(), "missing values", [&] {
    scalar_t* x = inputs->mutable_data_ptr<scalar_t>();
    for (int64_t i = 0; i < inputs->numel(); ++i) {
      if (std::isnan(x[i])) {
        x[i] = static_cast<scalar_t>(means[static_cast<size_t>(i) % means.size()]);
      }
    }
  });
}

}  // namespace descent
