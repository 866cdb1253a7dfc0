#ifndef DESCENT_CORE_DATA_PICTURE_H_
#define DESCENT_CORE_DATA_PICTURE_H_

// PNG and JPEG pictures (by libpng and libjpeg-turbo). Free functions; any thread.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace descent {

// [channels, height, width], uint8; channels is 1 (grey) or 3 (red, green, blue). What is
// transparent is seen on black. `path` is for messages. InvalidArgument: neither PNG nor JPEG, or
// more than 2^28 numbers; DataLoss: truncated or damaged.
absl::StatusOr<at::Tensor> DecodePicture(std::string_view bytes, const std::string& path,
                                         int64_t channels);

// Bilinear, without aliasing where it gets smaller; uint8 in and out.
at::Tensor ResizePicture(const at::Tensor& picture, int64_t height, int64_t width);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_PICTURE_H_
