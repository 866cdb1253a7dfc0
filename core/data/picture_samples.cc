#include "core/data/picture_samples.h"

#include <cstddef>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace descent {
namespace {

constexpr int64_t kMaxNumbers = int64_t{1} << 28;
constexpr unsigned kOrientationTag = 0x0112;
constexpr unsigned kShort = 3;

// Reads unsigned numbers in either order of bytes; beyond the end they are 0.
class Tiff {
 public:
  Tiff(std::string_view bytes, bool little) : bytes_(bytes), little_(little) {}

  size_t Number(size_t place, size_t size) const {
    if (place > bytes_.size() || size > bytes_.size() - place) return 0;
    size_t number = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t at = little_ ? place + size - 1 - i : place + i;
      number = number << 8 | static_cast<unsigned char>(bytes_[at]);
    }
    return number;
  }

 private:
  std::string_view bytes_;
  bool little_;
};

}  // namespace

int ExifOrientation(std::string_view exif) {
  constexpr std::string_view kHeader("Exif\0\0", 6);
  const std::string_view tiff = exif.substr(exif.starts_with(kHeader) ? kHeader.size() : 0);
  const bool little = tiff.substr(0, 2) == "II";
  if (!little && tiff.substr(0, 2) != "MM") return 0;
  const Tiff numbers(tiff, little);
  if (numbers.Number(2, 2) != 42) return 0;
  // The first directory is a count, then twelve bytes for each entry (tag, type, count, value).
  const size_t directory = numbers.Number(4, 4);
  const size_t entries = numbers.Number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (numbers.Number(entry, 2) != kOrientationTag) continue;
    const size_t value = numbers.Number(entry + 8, numbers.Number(entry + 2, 2) == kShort ? 2 : 4);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 0;
}

int RawExifOrientation(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    text.remove_prefix(end + 1);
  }
  std::string digits;
  for (const char c : text) {
    if (absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
      digits += c;
    } else if (!absl::ascii_isspace(static_cast<unsigned char>(c))) {
      return 0;
    }
  }
  if (digits.size() % 2 != 0) return 0;
  return ExifOrientation(absl::HexStringToBytes(digits));
}

int XmpOrientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at)) {
    at += kName.size();
    std::string_view value = xmp.substr(at);
    if (value.starts_with("=\"")) {
      value.remove_prefix(2);
    } else if (value.starts_with(">")) {
      value.remove_prefix(1);
    } else {
      continue;
    }
    if (value.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(value[0]))) continue;
    const int orientation = value[0] - '0';
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
  }
  return 0;
}

absl::Status DamagedPicture(const std::string& path, std::string_view format,
                            std::string_view problem) {
  return absl::DataLossError(absl::StrCat(path, " is a damaged or truncated ", std::string(format),
                                          " picture: ", std::string(problem), "."));
}

absl::Status CheckPictureSize(const std::string& path, int64_t height, int64_t width,
                              int64_t samples) {
  if (height <= kMaxNumbers && width <= kMaxNumbers && height * width <= kMaxNumbers / samples) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is a picture of ", width, " × ", height, ", which is too large."));
}

}  // namespace descent
