// libpng reports errors by a jump over the frames of whoever called it (setjmp, longjmp). So what
// calls it here are functions that hold nothing to be destroyed, on a struct that lives outside.

#include <ATen/ops/empty.h>
#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/picture_samples.h"

namespace descent {
namespace {

struct PngReader {
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view rest;
  char problem[128] = "no memory to decode it";
  int passes = 1;
};

void Fail(png_structp png, png_const_charp problem) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->problem, problem, sizeof(reader->problem) - 1);
  png_longjmp(png, 1);
}

// Ignores flaws that the decoder can mend without making up a pixel, such as a bad color profile.
void Ignore(png_structp /*png*/, png_const_charp /*problem*/) {}

void Take(png_structp png, png_bytep to, size_t size) {
  std::string_view& rest = static_cast<PngReader*>(png_get_io_ptr(png))->rest;
  if (size > rest.size()) png_error(png, "it has no end");
  std::memcpy(to, rest.data(), size);
  rest.remove_prefix(size);
}

// Reads up to the first pixel.
bool ReadHeader(PngReader* reader) {
  reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, Fail, Ignore);
  if (reader->png == nullptr) return false;
  png_structp png = reader->png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  reader->info = png_create_info_struct(png);
  if (reader->info == nullptr) return false;
  png_set_read_fn(png, reader, Take);
  png_read_info(png, reader->info);
  // Palettes become colors, what is transparent an alpha channel, fewer bits than eight 0…255.
  png_set_expand(png);
  if constexpr (std::endian::native == std::endian::little) png_set_swap(png);
  reader->passes = png_set_interlace_handling(png);
  png_read_update_info(png, reader->info);
  return true;
}

bool ReadPixels(PngReader* reader, uint8_t* pixels, int64_t height, int64_t stride) {
  png_structp png = reader->png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  for (int pass = 0; pass < reader->passes; ++pass) {
    for (int64_t y = 0; y < height; ++y) png_read_row(png, pixels + y * stride, nullptr);
  }
  png_read_end(png, reader->info);
  return true;
}

// True if every pixel's color is one of the palette, if there is one.
bool PaletteHolds(const PngReader& reader) {
  png_colorp palette = nullptr;
  int size = 0;
  if (png_get_PLTE(reader.png, reader.info, &palette, &size) == 0) return true;
  return png_get_palette_max(reader.png, reader.info) < size;
}

int Orientation(const PngReader& reader) {
  int of_exif = 0;
  int of_xmp = 0;
  png_textp texts = nullptr;
  const int count = png_get_text(reader.png, reader.info, &texts, nullptr);
  for (int i = 0; i < count; ++i) {
    const std::string_view key(texts[i].key);
    const std::string_view text(texts[i].text,
                                std::max(texts[i].text_length, texts[i].itxt_length));
    if (key == kRawExif) of_exif = RawExifOrientation(text);
    if (key == "XML:com.adobe.xmp") of_xmp = XmpOrientation(text);
  }
  png_uint_32 size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &exif) != 0) {
    of_exif = ExifOrientation({reinterpret_cast<const char*>(exif), size});
  }
  return of_exif != 0 ? of_exif : of_xmp != 0 ? of_xmp : 1;
}

}  // namespace

absl::StatusOr<PictureSamples> DecodePng(std::string_view bytes, const std::string& path) {
  PngReader reader;
  reader.rest = bytes;
  if (!ReadHeader(&reader)) return DamagedPicture(path, "PNG", reader.problem);
  const int64_t height = png_get_image_height(reader.png, reader.info);
  const int64_t width = png_get_image_width(reader.png, reader.info);
  const int64_t samples = png_get_channels(reader.png, reader.info);
  const bool deep = png_get_bit_depth(reader.png, reader.info) == 16;
  if (absl::Status s = CheckPictureSize(path, height, width, std::max<int64_t>(samples, 3));
      !s.ok()) {
    return s;
  }
  PictureSamples picture;
  picture.pixels = at::empty({height, width, samples}, deep ? at::kUInt16 : at::kByte);
  if (!ReadPixels(&reader, static_cast<uint8_t*>(picture.pixels.mutable_data_ptr()), height,
                  width * samples * (deep ? 2 : 1))) {
    return DamagedPicture(path, "PNG", reader.problem);
  }
  if (!PaletteHolds(reader)) {
    return DamagedPicture(path, "PNG", "a pixel has a color that its palette does not have");
  }
  picture.orientation = Orientation(reader);
  return picture;
}

}  // namespace descent
