#include "core/model/pool_windows.h"

#include <cstddef>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/model/spatial.h"

namespace descent {

at::Tensor Planes(const at::Tensor& x, const Extent& extent) {
  return x.reshape({x.size(0), x.size(1), extent[0], extent[1]});
}

absl::StatusOr<Windows> WindowsOf(const PoolOptions& options, const SpatialOptions& spatial,
                                  const BuildContext& context) {
  if (absl::Status status = spatial.CheckInput(); !status.ok()) return status;
  const auto kernel = spatial.Get("kernel_size", options.kernel_size, 1, 1);
  if (!kernel.ok()) return kernel.status();
  const auto stride = spatial.Get("stride", options.stride, 1, 1);
  if (!stride.ok()) return stride.status();
  const auto padding = spatial.Get("padding", options.padding, 0, 0);
  if (!padding.ok()) return padding.status();
  for (size_t d = 0; d < padding->size(); ++d) {
    if (2 * (*padding)[d] <= (*kernel)[d]) continue;
    return context.Wrong(
        options.kind,
        absl::StrCat(": padding is ", (*padding)[d], "; give at most half of kernel_size (",
                     (*kernel)[d], "), so that no window is empty"),
        "padding");
  }
  const Extent total = {2 * (*padding)[0], 2 * (*padding)[1]};
  const auto places = spatial.Places(*kernel, *stride, total, {1, 1});
  if (!places.ok()) return places.status();
  return Windows{spatial.input(), *kernel, *stride, *padding, *places};
}

}  // namespace descent
