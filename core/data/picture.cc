#include "core/data/picture.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/empty.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/data/picture_samples.h"

namespace descent {
namespace {

// The greatest sample of type T; formulas are in 64 bits, where none of them overflows.
template <class T>
constexpr int64_t kMax = std::numeric_limits<T>::max();

// Gives the rounded quotient; the divisor is odd, so there are no ties.
template <class T>
int64_t OverMax(int64_t number) {
  return (number + kMax<T> / 2) / kMax<T>;
}

// Gives grey by ITU-R 601-2, as Pillow rounds it.
int64_t Luma(const std::array<int64_t, 3>& color) {
  return (color[0] * 19595 + color[1] * 38470 + color[2] * 7471 + 0x8000) >> 16;
}

// Makes red, green and blue of what a file stores.
template <class T>
class Colors {
 public:
  Colors(const PictureSamples& picture, const PictureOptions& options)
      : samples_(picture.pixels.size(2)),
        cmyk_(picture.cmyk),
        composed_(options.alpha == Alpha::kCompose) {
    for (size_t i = 0; i < 3; ++i) {
      background_[i] = std::llround(options.background[i] * static_cast<double>(kMax<T>));
    }
  }

  std::array<int64_t, 3> operator()(const T* pixel) const {
    if (cmyk_) return FromCmyk(pixel);
    std::array<int64_t, 3> color = {pixel[0], pixel[0], pixel[0]};
    if (samples_ >= 3) color = {pixel[0], pixel[1], pixel[2]};
    if (composed_ && samples_ % 2 == 0) {
      const int64_t alpha = pixel[samples_ - 1];
      for (size_t i = 0; i < 3; ++i) {
        color[i] = OverMax<T>(color[i] * alpha + background_[i] * (kMax<T> - alpha));
      }
    }
    return color;
  }

 private:
  // This is Pillow's cmyk2rgb: black takes its share of what the other inks leave.
  static std::array<int64_t, 3> FromCmyk(const T* pixel) {
    const int64_t light = pixel[3];
    std::array<int64_t, 3> color;
    for (size_t i = 0; i < 3; ++i) color[i] = light - OverMax<T>((kMax<T> - pixel[i]) * light);
    return color;
  }

  int64_t samples_;
  bool cmyk_, composed_;
  std::array<int64_t, 3> background_;
};

// True if the alpha channel, the last of an even number of samples, says anything.
template <class T>
bool HasTransparency(const PictureSamples& picture) {
  const int64_t samples = picture.pixels.size(2);
  if (picture.cmyk || samples % 2 == 1) return false;
  const T* pixels = picture.pixels.const_data_ptr<T>();
  for (int64_t i = samples - 1; i < picture.pixels.numel(); i += samples) {
    if (pixels[i] != kMax<T>) return true;
  }
  return false;
}

// Where a pixel of the upright picture is in the stored one: at first + y·down + x·right.
struct Walk {
  int64_t height, width;  // of the upright picture
  int64_t first, down, right;

  // EXIF 2.32, 4.6.4, tag Orientation, says which of the visual sides row 0 and column 0 are.
  Walk(int orientation, int64_t rows, int64_t columns) {
    const bool turned = orientation >= 5;  // row 0 is the left or the right side
    height = turned ? columns : rows;
    width = turned ? rows : columns;
    // Going down, or to the right, goes backwards through the stored rows or columns.
    const bool rows_back =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool columns_back =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int64_t row = rows_back ? -columns : columns, column = columns_back ? -1 : 1;
    first = (rows_back ? (rows - 1) * columns : 0) + (columns_back ? columns - 1 : 0);
    down = turned ? column : row;
    right = turned ? row : column;
  }
};

template <class T>
absl::StatusOr<at::Tensor> ToChannels(const PictureSamples& picture, const std::string& path,
                                      const PictureOptions& options) {
  if (options.alpha == Alpha::kRefuse && HasTransparency<T>(picture)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " is transparent in places. Say what to do with that: alpha: drop takes the "
                     "colors as they are stored, alpha: compose lays them on a background."));
  }
  const int64_t samples = picture.pixels.size(2);
  const Walk walk(options.exif_orientation ? picture.orientation : 1, picture.pixels.size(0),
                  picture.pixels.size(1));
  at::Tensor channels =
      at::empty({options.channels, walk.height, walk.width}, picture.pixels.options());
  const T* from = picture.pixels.const_data_ptr<T>();
  T* to = channels.mutable_data_ptr<T>();
  const int64_t size = walk.height * walk.width;
  const Colors<T> colors(picture, options);
  for (int64_t y = 0; y < walk.height; ++y) {
    for (int64_t x = 0; x < walk.width; ++x, ++to) {
      const std::array<int64_t, 3> color =
          colors(from + (walk.first + y * walk.down + x * walk.right) * samples);
      if (options.channels == 1) {
        *to = static_cast<T>(Luma(color));
        continue;
      }
      for (size_t i = 0; i < 3; ++i) to[static_cast<int64_t>(i) * size] = static_cast<T>(color[i]);
    }
  }
  return channels;
}

}  // namespace

std::span<const std::string_view> Names(Alpha) {
  static constexpr std::array<std::string_view, 3> kNames = {"REFUSE", "DROP", "COMPOSE"};
  return kNames;
}

absl::StatusOr<at::Tensor> DecodePicture(std::string_view bytes, const std::string& path,
                                         const PictureOptions& options) {
  const bool png = bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n";
  const bool jpeg = bytes.substr(0, 2) == "\xff\xd8";
  if (!png && !jpeg) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is neither a PNG nor a JPEG picture by its first bytes."));
  }
  const absl::StatusOr<PictureSamples> picture =
      png ? DecodePng(bytes, path) : DecodeJpeg(bytes, path);
  if (!picture.ok()) return picture.status();
  return picture->pixels.scalar_type() == at::kByte ? ToChannels<uint8_t>(*picture, path, options)
                                                    : ToChannels<uint16_t>(*picture, path, options);
}

at::Tensor ResizePicture(const at::Tensor& picture, int64_t height, int64_t width) {
  const at::Tensor resized = at::_upsample_bilinear2d_aa(picture.to(at::kFloat).unsqueeze(0),
                                                         {height, width}, /*align_corners=*/false);
  const int64_t greatest = picture.scalar_type() == at::kByte ? kMax<uint8_t> : kMax<uint16_t>;
  return resized.squeeze(0).round_().clamp_(0, greatest).to(picture.scalar_type());
}

}  // namespace descent
