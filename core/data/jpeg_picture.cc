// libjpeg reports errors by a jump over the frames of whoever called it (setjmp, longjmp). So what
// calls it here are functions that hold nothing to be destroyed, on a struct that lives outside.

#include <ATen/ops/empty.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

// clang-format off: each relies on what is before it.
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/picture_samples.h"

namespace descent {
namespace {

// Many scans of a few bytes each would take for ever; cameras and programs write ten.
constexpr int kMaxScans = 500;
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr std::string_view kExif("Exif\0\0", 6);
constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);

struct JpegReader {
  ~JpegReader() { jpeg_destroy_decompress(&decoder); }

  jpeg_decompress_struct decoder = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf escape = {};
  char problem[JMSG_LENGTH_MAX] = "";
};

void Fail(j_common_ptr decoder) {
  auto* reader = static_cast<JpegReader*>(decoder->client_data);
  reader->errors.format_message(decoder, reader->problem);
  std::longjmp(reader->escape, 1);
}

// True if the decoder warns of something for which it makes pixels up. Its other warnings are of
// bytes that nobody needs and headers that contradict themselves without harm.
bool LosesPixels(int warning) {
  switch (warning) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
      return true;
    default:
      return false;
  }
}

void Warn(j_common_ptr decoder, int level) {
  if (level < 0 && LosesPixels(decoder->err->msg_code)) Fail(decoder);
}

void CountScans(j_common_ptr decoder) {
  auto* reader = static_cast<JpegReader*>(decoder->client_data);
  if (reader->decoder.input_scan_number <= kMaxScans) return;
  std::snprintf(reader->problem, sizeof(reader->problem), "it has more than %d scans", kMaxScans);
  std::longjmp(reader->escape, 1);
}

// Reads up to the first pixel.
bool ReadHeader(JpegReader* reader, std::string_view bytes) {
  jpeg_decompress_struct* decoder = &reader->decoder;
  decoder->err = jpeg_std_error(&reader->errors);
  reader->errors.error_exit = Fail;
  reader->errors.emit_message = Warn;
  decoder->client_data = reader;
  if (setjmp(reader->escape) != 0) return false;
  jpeg_create_decompress(decoder);
  reader->progress.progress_monitor = CountScans;
  decoder->progress = &reader->progress;
  jpeg_mem_src(decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(decoder, kExifMarker, 0xffff);
  jpeg_read_header(decoder, TRUE);
  switch (decoder->jpeg_color_space) {
    case JCS_GRAYSCALE:
      decoder->out_color_space = JCS_GRAYSCALE;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      decoder->out_color_space = JCS_CMYK;
      break;
    default:
      decoder->out_color_space = JCS_RGB;
  }
  jpeg_calc_output_dimensions(decoder);
  return true;
}

bool ReadPixels(JpegReader* reader, uint8_t* pixels, int64_t stride) {
  jpeg_decompress_struct* decoder = &reader->decoder;
  if (setjmp(reader->escape) != 0) return false;
  jpeg_start_decompress(decoder);
  while (decoder->output_scanline < decoder->output_height) {
    JSAMPROW row = pixels + decoder->output_scanline * stride;
    jpeg_read_scanlines(decoder, &row, 1);
  }
  jpeg_finish_decompress(decoder);
  return true;
}

int Orientation(const JpegReader& reader) {
  int of_exif = 0;
  int of_xmp = 0;
  for (const jpeg_marker_struct* marker = reader.decoder.marker_list; marker != nullptr;
       marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (marker->marker != kExifMarker) continue;
    if (data.starts_with(kExif) && of_exif == 0) of_exif = ExifOrientation(data);
    if (data.starts_with(kXmp)) of_xmp = XmpOrientation(data.substr(kXmp.size()));
  }
  return of_exif != 0 ? of_exif : of_xmp != 0 ? of_xmp : 1;
}

}  // namespace

absl::StatusOr<PictureSamples> DecodeJpeg(std::string_view bytes, const std::string& path) {
  JpegReader reader;
  if (!ReadHeader(&reader, bytes)) return DamagedPicture(path, "JPEG", reader.problem);
  const int64_t height = reader.decoder.output_height, width = reader.decoder.output_width;
  const int64_t samples = reader.decoder.output_components;
  if (absl::Status s = CheckPictureSize(path, height, width, std::max<int64_t>(samples, 3));
      !s.ok()) {
    return s;
  }
  PictureSamples picture;
  picture.pixels = at::empty({height, width, samples}, at::kByte);
  // Programs that write CMYK follow Adobe's, whose numbers say how much ink there is not; the few
  // others can't be told apart (Pillow assumes the same).
  picture.cmyk = reader.decoder.out_color_space == JCS_CMYK;
  picture.orientation = Orientation(reader);
  if (!ReadPixels(&reader, picture.pixels.mutable_data_ptr<uint8_t>(), width * samples)) {
    return DamagedPicture(path, "JPEG", reader.problem);
  }
  return picture;
}

}  // namespace descent
