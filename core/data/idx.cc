#include "core/data/idx.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/data/file.h"
#include "core/data/inflate.h"
#include "core/data/pair.h"

namespace descent {
namespace {

std::optional<at::ScalarType> ElementType(unsigned char code) {
  switch (code) {
    case 0x08:
      return at::kByte;
    case 0x09:
      return at::kChar;
    case 0x0B:
      return at::kShort;
    case 0x0C:
      return at::kInt;
    case 0x0D:
      return at::kFloat;
    case 0x0E:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

void SwapBytes(char* data, size_t count, size_t width) {
  if (width == 1) return;
  for (size_t i = 0; i < count; ++i) std::reverse(data + i * width, data + (i + 1) * width);
}

absl::Status TooShort(const std::string& path, std::string_view where) {
  return absl::DataLossError(
      absl::StrCat(path, " is truncated: it ends in its ", std::string(where), "."));
}

}  // namespace

absl::StatusOr<Examples> IdxFiles::Read(const ReadOptions& options) const {
  const auto read = [&](const std::string& path, std::vector<FileDigest>* files) {
    absl::StatusOr<MappedFile> file = MapDataFile(path, options.roots);
    if (!file.ok()) return absl::StatusOr<at::Tensor>(file.status());
    files->push_back(file->digest);
    return ParseIdx(file->bytes, path);
  };
  return ReadPair(inputs, targets, options.inputs_only, read);
}

absl::StatusOr<at::Tensor> ParseIdx(std::string_view bytes, const std::string& path) {
  ByteSource source(bytes, path);
  unsigned char magic[4];
  absl::StatusOr<size_t> n = source.Read(reinterpret_cast<char*>(magic), sizeof(magic));
  if (!n.ok()) return n.status();
  if (*n == 0) return absl::InvalidArgumentError(absl::StrCat(path, " is empty."));
  if (*n < sizeof(magic)) return TooShort(path, "header");
  const std::optional<at::ScalarType> type = ElementType(magic[2]);
  if (magic[0] != 0 || magic[1] != 0 || !type || magic[3] == 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s is not an idx file: it begins with %02x %02x %02x %02x, where two zero bytes, an "
        "element type (08, 09, 0b, 0c, 0d or 0e) and a rank are expected.",
        path, magic[0], magic[1], magic[2], magic[3]));
  }

  const size_t rank = magic[3];
  std::vector<unsigned char> encoded(4 * rank);
  n = source.Read(reinterpret_cast<char*>(encoded.data()), encoded.size());
  if (!n.ok()) return n.status();
  if (*n < encoded.size()) return TooShort(path, "header");
  std::vector<int64_t> shape(rank);
  const size_t width = c10::elementSize(*type);
  size_t total = width;
  bool overflow = false;
  for (size_t d = 0; d < rank; ++d) {
    const unsigned char* e = &encoded[4 * d];
    shape[d] = static_cast<int64_t>((uint32_t{e[0]} << 24) | (uint32_t{e[1]} << 16) |
                                    (uint32_t{e[2]} << 8) | uint32_t{e[3]});
    overflow |= __builtin_mul_overflow(total, static_cast<size_t>(shape[d]), &total);
  }
  const std::string claim =
      absl::StrCat("its header promises the shape [", absl::StrJoin(shape, ", "), "]");
  if (!overflow && total == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, " holds no elements: ", claim, "."));
  }
  // This is checked before anything is allocated: a header is cheap to fake.
  if (overflow || total > source.AtMost()) {
    return absl::DataLossError(
        absl::StrCat(path, " is truncated: ", claim, ", but the file is too short for that."));
  }

  at::Tensor elements = at::empty(shape, at::TensorOptions(*type));
  char* data = static_cast<char*>(elements.data_ptr());
  n = source.Read(data, total);
  if (!n.ok()) return n.status();
  if (*n < total) {
    return absl::DataLossError(absl::StrCat(path, " is truncated: ", claim, ", that is ", total,
                                            " bytes of elements, but it holds ", *n, "."));
  }
  char extra;
  n = source.Read(&extra, 1);
  if (!n.ok()) return n.status();
  if (*n != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds more than its header says: ", claim, "."));
  }
  SwapBytes(data, total / width, width);
  return elements;
}

}  // namespace descent
