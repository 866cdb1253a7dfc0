// What the decoders of picture formats have in common. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_PICTURE_SAMPLES_H_
#define DESCENT_CORE_DATA_PICTURE_SAMPLES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent {

// What a file stores: rows of pixels, each of so many samples.
struct PictureSamples {
  // The pixels are [height, width, samples], uint8 or uint16: grey; grey, alpha; red, green, blue;
  // red, green, blue, alpha; or, where `cmyk` says so, cyan, magenta, yellow, black, each as 255 −
  // ink.
  at::Tensor pixels;
  bool cmyk = false;
  // EXIF's number of how the picture lies, 1 (upright) to 8.
  int orientation = 1;
};

absl::StatusOr<PictureSamples> DecodePng(std::string_view bytes, const std::string& path);
absl::StatusOr<PictureSamples> DecodeJpeg(std::string_view bytes, const std::string& path);

// These give how a picture lies, by what comes with it: 0 if that does not say, 1 if what it says
// means nothing. Who has several of them takes the first that says something, as Pillow does.
//
// The first reads EXIF data, a TIFF structure, with or without `Exif\0\0` before it.
int ExifOrientation(std::string_view exif);
// This reads the same in a text of PNG named kRawExif, as ImageMagick writes it: three lines, then
// hexadecimal.
inline constexpr std::string_view kRawExif = "Raw profile type exif";
int RawExifOrientation(std::string_view text);
// This reads XMP, `tiff:Orientation`.
int XmpOrientation(std::string_view xmp);

// Gives DATA_LOSS. `format` is PNG or JPEG; the problem is a clause.
absl::Status DamagedPicture(const std::string& path, std::string_view format,
                            std::string_view problem);

// Gives INVALID_ARGUMENT for more than 2^28 numbers: a header is cheap to fake, and a picture of
// 16384 × 16384 is larger than anybody trains on.
absl::Status CheckPictureSize(const std::string& path, int64_t height, int64_t width,
                              int64_t samples);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_PICTURE_SAMPLES_H_
