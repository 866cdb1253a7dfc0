// The windows of pooling layers: where they are, and how options say it. Free functions; any
// thread.
#ifndef DESCENT_CORE_MODEL_POOL_WINDOWS_H_
#define DESCENT_CORE_MODEL_POOL_WINDOWS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/model/layer.h"
#include "core/model/spatial.h"

namespace descent {

struct Windows {
  Extent input = {}, kernel = {}, stride = {}, padding = {}, output = {};
};

// Some places along one dimension, `end` excluded.
struct Span {
  int64_t begin, end;
};

// Views x [batch, channels, …] as [batch, channels, height, width].
at::Tensor Planes(const at::Tensor& x, const Extent& extent);

// The options of layers of one or of two dimensions.
struct PoolOptions {
  std::string_view kind;
  size_t dimensions;
  std::vector<int64_t> kernel_size, stride, padding;

  // `One` has numbers, `Two` lists.
  template <class One>
  static PoolOptions OfOne(const One& options) {
    return {One::kind,
            1,
            {options.kernel_size},
            {options.stride.value_or(options.kernel_size)},
            {options.padding}};
  }
  template <class Two>
  static PoolOptions OfTwo(const Two& options) {
    const auto& stride = options.stride.empty() ? options.kernel_size : options.stride;
    return {Two::kind, 2, options.kernel_size, stride, options.padding};
  }
};

// Gives INVALID_ARGUMENT naming the layer and what does not fit, shapes or an option.
absl::StatusOr<Windows> WindowsOf(const PoolOptions& options, const SpatialOptions& spatial,
                                  const BuildContext& context);

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_POOL_WINDOWS_H_
