// Max pooling takes the greatest number of each window, channel by channel, over one or two
// dimensions.
#ifndef DESCENT_CORE_MODEL_MAX_POOL_H_
#define DESCENT_CORE_MODEL_MAX_POOL_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

// x is [batch, channels, length], y [batch, channels, ⌊(length + 2·padding − kernel_size)/stride⌋ +
// 1]. What lies outside of x is never the greatest; NaN is. This is as torch.nn.MaxPool1d.
struct MaxPool1d {
  static constexpr std::string_view kind = "max_pool1d";

  int64_t kernel_size = 0;
  std::optional<int64_t> stride = {};  // kernel_size by default
  int64_t padding = 0;                 // at each end, ≤ kernel_size/2

  void Describe(FieldList& fields) {
    fields(Count("kernel_size", 1), kernel_size);
    fields(Count("stride", 1), stride);
    fields(Count("padding", 0), padding);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

// The same over [batch, channels, height, width]. A list has one number for both dimensions, or
// that of the height and that of the width.
struct MaxPool2d {
  static constexpr std::string_view kind = "max_pool2d";

  std::vector<int64_t> kernel_size = {};
  std::vector<int64_t> stride = {};   // kernel_size by default
  std::vector<int64_t> padding = {};  // 0 by default

  void Describe(FieldList& fields) {
    fields(Count("kernel_size", 1), kernel_size).Required();
    fields(Count("stride", 1), stride);
    fields(Count("padding", 0), padding);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_MAX_POOL_H_
