#include "core/data/picture.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/empty.h>
#include <png.h>
#include <turbojpeg.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace descent {
namespace {

// A header is cheap to fake; a picture of 16384 × 16384 is larger than anybody trains on.
constexpr int64_t kMaxNumbers = int64_t{1} << 28;
constexpr std::string_view kPngEnd("IEND\xae\x42\x60\x82");

absl::Status Damaged(const std::string& path, const char* kind, const char* problem) {
  return absl::DataLossError(
      absl::StrCat(path, " is a damaged or truncated ", kind, " picture: ", problem, "."));
}

absl::Status CheckSize(const std::string& path, int64_t height, int64_t width, int64_t channels) {
  if (height <= kMaxNumbers && width <= kMaxNumbers && height * width <= kMaxNumbers / channels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is a picture of ", width, " × ", height, ", which is too large."));
}

// [height, width, channels].
at::Tensor EmptyPicture(int64_t height, int64_t width, int64_t channels) {
  return at::empty({height, width, channels}, at::kByte);
}

absl::StatusOr<at::Tensor> DecodePng(std::string_view bytes, const std::string& path,
                                     int64_t channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> freed(&image, png_image_free);
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) {
    return Damaged(path, "PNG", image.message);
  }
  // The decoder stops at the last pixel.
  if (bytes.find(kPngEnd) == std::string_view::npos) return Damaged(path, "PNG", "it has no end");
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  if (absl::Status s = CheckSize(path, image.height, image.width, channels); !s.ok()) return s;
  at::Tensor pixels = EmptyPicture(image.height, image.width, channels);
  const png_color black{};
  if (png_image_finish_read(&image, &black, pixels.data_ptr(), 0, nullptr) == 0) {
    return Damaged(path, "PNG", image.message);
  }
  return pixels;
}

absl::StatusOr<at::Tensor> DecodeJpeg(std::string_view bytes, const std::string& path,
                                      int64_t channels) {
  const std::unique_ptr<void, int (*)(void*)> decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) return absl::ResourceExhaustedError("No memory to decode JPEG pictures.");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colors = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling,
                          &colors) != 0) {
    return Damaged(path, "JPEG", tjGetErrorStr2(decoder.get()));
  }
  if (absl::Status s = CheckSize(path, height, width, channels); !s.ok()) return s;
  at::Tensor pixels = EmptyPicture(height, width, channels);
  // A warning, such as a premature end, is an error here too. Many scans of a few bytes each would
  // take for ever.
  if (tjDecompress2(decoder.get(), data, bytes.size(), pixels.mutable_data_ptr<unsigned char>(),
                    width, 0, height, channels == 1 ? TJPF_GRAY : TJPF_RGB,
                    TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    return Damaged(path, "JPEG", tjGetErrorStr2(decoder.get()));
  }
  return pixels;
}

}  // namespace

absl::StatusOr<at::Tensor> DecodePicture(std::string_view bytes, const std::string& path,
                                         int64_t channels) {
  const bool png = bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n";
  const bool jpeg = bytes.substr(0, 2) == "\xff\xd8";
  if (!png && !jpeg) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is neither a PNG nor a JPEG picture by its first bytes."));
  }
  absl::StatusOr<at::Tensor> pixels =
      png ? DecodePng(bytes, path, channels) : DecodeJpeg(bytes, path, channels);
  if (!pixels.ok()) return pixels.status();
  return pixels->permute({2, 0, 1}).contiguous();
}

at::Tensor ResizePicture(const at::Tensor& picture, int64_t height, int64_t width) {
  const at::Tensor resized = at::_upsample_bilinear2d_aa(picture.to(at::kFloat).unsqueeze(0),
                                                         {height, width}, /*align_corners=*/false);
  return resized.squeeze(0).round_().clamp_(0, 255).to(at::kByte);
}

}  // namespace descent
