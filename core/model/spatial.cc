#include "core/model/spatial.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"

namespace descent {
namespace {

// With these limits products of sizes stay far from overflow.
constexpr int64_t kMaxDimension = int64_t{1} << 30;
constexpr int64_t kMaxOption = int64_t{1} << 20;

}  // namespace

absl::Status SpatialOptions::CheckInput() const {
  if (context_.input_shape.size() == dimensions_ + 1) {
    for (const int64_t size : context_.input_shape) {
      if (size <= kMaxDimension) continue;
      return context_.Mismatch(kind_,
                               absl::StrCat("takes at most ", kMaxDimension, " a dimension"));
    }
    return absl::OkStatus();
  }
  const bool one = dimensions_ == 1;
  const bool no_channels = context_.input_shape.size() == dimensions_;
  return context_.Mismatch(kind_,
                           absl::StrCat("expects inputs of shape ",
                                        one ? "[channels, width]" : "[channels, height, width]",
                                        no_channels ? " (put a reshape layer before it)" : ""));
}

Extent SpatialOptions::input() const {
  const Shape& shape = context_.input_shape;
  return dimensions_ == 1 ? Extent{1, shape[1]} : Extent{shape[1], shape[2]};
}

absl::StatusOr<Extent> SpatialOptions::Get(std::string_view field,
                                           const std::vector<int64_t>& values, int64_t fallback,
                                           int64_t neutral) const {
  const std::string name(field);
  if (values.size() > 1 && values.size() != dimensions_) {
    return context_.Wrong(
        kind_,
        absl::StrCat(": ", name, " has ", values.size(), " numbers; give one for ",
                     "all dimensions", dimensions_ == 1 ? "" : " or one for each"),
        field);
  }
  for (const int64_t value : values) {
    if (value <= kMaxOption) continue;
    return context_.Wrong(
        kind_, absl::StrCat(": ", name, " is ", value, "; give a number ≤ ", kMaxOption), field);
  }
  const int64_t first = values.empty() ? fallback : values.front();
  const int64_t last = values.empty() ? fallback : values.back();
  return dimensions_ == 1 ? Extent{neutral, last} : Extent{first, last};
}

absl::StatusOr<Extent> SpatialOptions::Places(const Extent& kernel, const Extent& stride,
                                              const Extent& padding, const Extent& dilation) const {
  Extent places, covered, padded;
  for (size_t d = 0; d < places.size(); ++d) {
    covered[d] = dilation[d] * (kernel[d] - 1) + 1;
    padded[d] = input()[d] + padding[d];
    places[d] = (padded[d] - covered[d]) / stride[d] + 1;
  }
  for (size_t d = 0; d < places.size(); ++d) {
    if (covered[d] <= padded[d]) continue;
    return context_.Mismatch(
        kind_, absl::StrCat("has windows of ", ToString(Sizes(covered)),
                            ", larger than its padded input of ", ToString(Sizes(padded))));
  }
  return places;
}

Shape SpatialOptions::ShapeOf(int64_t channels, const Extent& extent) const {
  Shape shape = Sizes(extent);
  shape.insert(shape.begin(), channels);
  return shape;
}

std::vector<int64_t> SpatialOptions::Sizes(const Extent& extent) const {
  return dimensions_ == 1 ? std::vector<int64_t>{extent[1]}
                          : std::vector<int64_t>{extent[0], extent[1]};
}

}  // namespace descent
