// Decodes PNG and JPEG pictures, as Pillow reads them. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_PICTURE_H_
#define DESCENT_CORE_DATA_PICTURE_H_

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace descent {

// What becomes of an alpha channel, or of a color that a PNG calls transparent. Where all of a
// picture is opaque it makes no difference, and nothing is refused.
enum class Alpha {
  kRefuse,
  kDrop,     // keeps the colors as they are stored: Pillow's convert("RGB")
  kCompose,  // lays them on a background: color·alpha + background·(1 − alpha), Pillow's
             // paste(mask)
};

// Gives `REFUSE`, …
std::span<const std::string_view> Names(Alpha);

struct PictureOptions {
  int64_t channels = 3;  // 1 (grey) or 3 (red, green, blue)
  Alpha alpha = Alpha::kRefuse;
  std::array<double, 3> background = {1, 1, 1};  // each in [0, 1]
  // True if pictures are turned and mirrored upright, as the EXIF data of a camera say (Pillow's
  // exif_transpose).
  bool exif_orientation = false;
};

// Gives [channels, height, width]: samples as they are stored, uint8, or uint16 where a picture has
// 16 bits; those of fewer bits are stretched to 0…255, so that sample ÷ maximum is the same. There
// is no gamma and no color profile. Colors become grey by ITU-R 601 (Pillow's convert("L"), for all
// formats; with 16 bits by all of them), CMYK becomes RGB by Pillow's formula.
//
// A JPEG's flaws that change no pixel (bytes before a marker, say) are none; where the decoder had
// to make pixels up the picture is damaged. `path` is for messages. INVALID_ARGUMENT: neither PNG
// nor JPEG, more than 2^28 numbers, alpha that is refused; DATA_LOSS: truncated or damaged.
absl::StatusOr<at::Tensor> DecodePicture(std::string_view bytes, const std::string& path,
                                         const PictureOptions& options);

// Scales bilinearly, without aliasing where the picture gets smaller; uint8 or uint16 in, the same
// out.
at::Tensor ResizePicture(const at::Tensor& picture, int64_t height, int64_t width);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_PICTURE_H_
