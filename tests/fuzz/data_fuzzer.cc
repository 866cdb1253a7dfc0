// Fuzzes data files of every format: the first byte says which, the rest is the file.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/data/csv.h"
#include "core/data/encode.h"
#include "core/data/idx.h"
#include "core/data/npy.h"
#include "core/data/npz.h"
#include "core/data/picture.h"
#include "core/data/text.h"

namespace {

// Looks at what is read: a tensor that reaches beyond its memory shows.
void Look(const absl::StatusOr<at::Tensor>& read) {
  if (read.ok() && read->numel() > 0) read->to(at::kDouble).sum();
}

void Encode(const absl::StatusOr<descent::Examples>& examples) {
  if (!examples.ok()) return;
  descent::EncodeOptions options;
  if (!examples->indices) options.normalization = descent::Normalization{};
  (void)descent::Encode(*examples, options).ok();
}

void ReadCsv(std::string_view text, unsigned variant) {
  descent::CsvFile file;
  file.path = "f";
  file.targets = {"y"};
  if (variant & 1) file.categorical = {"c", "y"};
  if (variant & 2) file.missing.kind = descent::MissingValues::Kind::kMean;
  if (variant & 4) {
    file.header = false;
    file.targets = {"0"};
    file.categorical.clear();
  }
  if (variant & 8) file.ignore = {"i"};
  if (variant & 16) file.delimiter = ";";
  Encode(descent::ParseCsv(text, file));
}

void ReadText(std::string_view text, unsigned variant) {
  descent::TextFile file;
  file.path = "f";
  file.context = 1 + variant % 5;
  if (variant & 8) file.stride = 1;
  Encode(descent::ParseText(text, file, std::nullopt));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const unsigned kind = data[0] % 8;
  const unsigned variant = data[0] / 8;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (kind) {
    case 0:
      Look(descent::ParseIdx(bytes, "f"));
      break;
    case 1:
      ReadCsv(bytes, variant);
      break;
    case 2:
      Look(descent::ParseNpy(bytes, "f", nullptr));
      break;
    case 3:
      Look(descent::ParseNpz(bytes, "f", "inputs"));
      break;
    case 4:
    case 5:
      Look(descent::DecodePicture(bytes, "f",
                                  {.channels = kind == 4 ? 1 : 3,
                                   .alpha = static_cast<descent::Alpha>(variant % 3),
                                   .exif_orientation = (variant & 4) != 0}));
      break;
    default:
      ReadText(bytes, variant);
  }
  return 0;
}
