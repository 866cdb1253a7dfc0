// What convolution and pooling have in common: inputs [channels, width] or [channels, height,
// width] per example, and options with one number for all spatial dimensions or one for each.
#ifndef DESCENT_CORE_MODEL_SPATIAL_H_
#define DESCENT_CORE_MODEL_SPATIAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/layer.h"

namespace descent {

// Height and width; one-dimensional layers have the height 1.
using Extent = std::array<int64_t, 2>;

// Reads a layer's options for the spatial dimensions of its input. Not thread-safe.
class SpatialOptions {
 public:
  // `dimensions` is 1 or 2. Refers to its arguments.
  SpatialOptions(const BuildContext& context, std::string_view kind, size_t dimensions)
      : context_(context), kind_(kind), dimensions_(dimensions) {}

  // Gives INVALID_ARGUMENT naming layer and shapes unless the input is [channels, width] or
  // [channels, height, width].
  absl::Status CheckInput() const;
  std::string_view kind() const { return kind_; }
  int64_t channels() const { return context_.input_shape[0]; }
  Extent input() const;

  // Gives the values of the option `field`, of which there is one for all dimensions, one for each,
  // or none (then it is the fallback). In one dimension the height has the value `neutral`.
  absl::StatusOr<Extent> Get(std::string_view field, const std::vector<int64_t>& values,
                             int64_t fallback, int64_t neutral) const;

  // Gives how many places a window of `kernel` (dilated) has if `padding` is added to the input in
  // all: ⌊(input + padding − dilation·(kernel − 1) − 1)/stride⌋ + 1. INVALID_ARGUMENT naming both
  // shapes if it has none.
  absl::StatusOr<Extent> Places(const Extent& kernel, const Extent& stride, const Extent& padding,
                                const Extent& dilation) const;

  // Gives [channels, width] or [channels, height, width].
  Shape ShapeOf(int64_t channels, const Extent& extent) const;
  // Gives the spatial part alone, as the layer's dimensions see it.
  std::vector<int64_t> Sizes(const Extent& extent) const;

 private:
  const BuildContext& context_;
  const std::string_view kind_;
  const size_t dimensions_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_SPATIAL_H_
