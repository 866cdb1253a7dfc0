#include "core/checkpoint/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/checkpoint/durable_file.h"
#include "core/checkpoint/header.h"
#include "core/data/file.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as in the reference implementation
constexpr size_t kAlignment = 64;

absl::Status Invalid(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is no valid safetensors file: ", what, "."));
}

// Checks that sizes fit: neither shape nor range overflows, and they agree. How many bytes a type
// takes that is not known here, nobody can say.
absl::Status CheckEntry(const std::string& path, const std::string& name, const TensorEntry& entry,
                        int64_t data_bytes) {
  const std::optional<c10::ScalarType> type = DtypeFromName(entry.dtype);
  int64_t bytes = type ? static_cast<int64_t>(c10::elementSize(*type)) : 1;
  for (int64_t d : entry.shape) {
    if (__builtin_mul_overflow(bytes, d, &bytes)) {
      return Invalid(path, absl::StrCat("the shape of \"", name, "\" overflows"));
    }
  }
  if (entry.shape.size() > 64) {
    return Invalid(path, absl::StrCat("\"", name, "\" has more than 64 dimensions"));
  }
  const std::vector<int64_t>& range = entry.data_offsets;
  if (range.size() != 2 || range[0] > range[1] || range[1] > data_bytes) {
    return Invalid(path, absl::StrCat("the range of \"", name, "\" is outside the file"));
  }
  if (type && range[1] - range[0] != bytes) {
    return Invalid(path, absl::StrCat("the range of \"", name, "\" does not fit its shape"));
  }
  return absl::OkStatus();
}

// Checks that the ranges tile the data: overlap, gap and trailing bytes are one check.
absl::Status CheckTiling(const std::string& path, const SafetensorsHeader& header,
                         int64_t data_bytes) {
  std::vector<std::pair<std::vector<int64_t>, std::string>> ranges;
  for (const auto& [name, entry] : header.tensors) ranges.emplace_back(entry.data_offsets, name);
  std::sort(ranges.begin(), ranges.end());
  int64_t at = 0;
  for (const auto& [range, name] : ranges) {
    if (range[0] != at) {
      return Invalid(path, absl::StrCat("the range of \"", name, "\" ",
                                        range[0] < at ? "overlaps another" : "follows a gap"));
    }
    at = range[1];
  }
  if (at != data_bytes) return Invalid(path, "bytes follow the last tensor");
  return absl::OkStatus();
}

// Makes a copy, or shares the bytes themselves.
at::Tensor MakeTensor(const TensorEntry& entry, std::string_view data,
                      const std::shared_ptr<const void>& owner) {
  const c10::ScalarType type = *DtypeFromName(entry.dtype);
  const char* from = data.data() + entry.data_offsets[0];
  const bool aligned = reinterpret_cast<uintptr_t>(from) % c10::elementSize(type) == 0;
  if (owner && aligned && entry.data_offsets[0] < entry.data_offsets[1]) {
    return at::from_blob(
        const_cast<char*>(from), entry.shape, [owner](void*) {}, at::TensorOptions(type));
  }
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(type));
  if (tensor.numel() > 0) std::memcpy(tensor.data_ptr(), from, tensor.nbytes());
  return tensor;
}

absl::StatusOr<Safetensors> ParseOrThrow(std::string_view bytes, const std::string& path,
                                         const std::shared_ptr<const void>& owner) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) return Invalid(path, "it is truncated");
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));  // little-endian, as x86-64 is
  bytes.remove_prefix(sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes) {
    return Invalid(path, absl::StrCat("its header claims ", header_bytes, " bytes"));
  }
  if (header_bytes > bytes.size()) return Invalid(path, "it is truncated in its header");
  if (header_bytes == 0 || bytes[0] != '{') return Invalid(path, "its header is no JSON object");
  absl::StatusOr<SafetensorsHeader> header = ParseHeader(bytes.substr(0, header_bytes));
  if (!header.ok()) return Invalid(path, std::string(header.status().message()));
  const std::string_view data = bytes.substr(header_bytes);
  const int64_t data_bytes = static_cast<int64_t>(data.size());
  for (const auto& [name, entry] : header->tensors) {
    if (absl::Status s = CheckEntry(path, name, entry, data_bytes); !s.ok()) return s;
  }
  if (absl::Status s = CheckTiling(path, *header, data_bytes); !s.ok()) return s;

  Safetensors contents;
  contents.metadata = std::move(header->metadata);
  for (const auto& [name, entry] : header->tensors) {
    if (!DtypeFromName(entry.dtype)) {
      contents.unreadable.emplace(name, entry.dtype);
      continue;
    }
    contents.tensors.emplace(name, MakeTensor(entry, data, owner));
  }
  return contents;
}

absl::StatusOr<SavedFile> WriteOrThrow(const std::string& path, const Safetensors& contents) {
  // Wide types come first, so that every tensor is aligned to its elements without gaps.
  std::vector<std::pair<std::string, at::Tensor>> order;
  for (const auto& [name, tensor] : contents.tensors) {
    order.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  SafetensorsHeader header;
  header.metadata = contents.metadata;
  int64_t at = 0;
  for (const auto& [name, tensor] : order) {
    const std::optional<std::string> dtype = DtypeName(tensor.scalar_type());
    if (!dtype || name == "__metadata__") {
      return absl::InvalidArgumentError(
          absl::StrCat("The tensor \"", name, "\" cannot be in a safetensors file."));
    }
    const int64_t end = at + static_cast<int64_t>(tensor.nbytes());
    header.tensors[name] = {*dtype, tensor.sizes().vec(), {at, end}};
    at = end;
  }
  std::string json = WriteHeader(header);
  const size_t unpadded = sizeof(uint64_t) + json.size();
  json.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  if (json.size() > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat("The header of ", path, " is too large."));
  }

  absl::StatusOr<std::unique_ptr<DurableFile>> file = DurableFile::Create(path);
  if (!file.ok()) return file.status();
  const uint64_t header_bytes = json.size();
  (*file)->Write(&header_bytes, sizeof(header_bytes));
  (*file)->Write(json.data(), json.size());
  for (const auto& [name, tensor] : order) {
    (*file)->Write(tensor.const_data_ptr(), tensor.nbytes());
  }
  return (*file)->Finish();
}

}  // namespace

absl::StatusOr<Safetensors> ParseSafetensors(std::string_view bytes, const std::string& path,
                                             const std::shared_ptr<const void>& owner) {
  try {
    return ParseOrThrow(bytes, path, owner);
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot load ", path, ": ", ExceptionText(error)));
  }
}

absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path,
                                            const std::string& expected_sha256) {
  absl::StatusOr<FileContents> file = ReadDataFile(path);
  if (!file.ok()) return file.status();
  if (!expected_sha256.empty() && file->digest.sha256 != expected_sha256) {
    return absl::DataLossError(absl::StrCat(path,
                                            " has changed since it was saved: its SHA-256 is ",
                                            file->digest.sha256, ", not ", expected_sha256, "."));
  }
  return ParseSafetensors(file->bytes, path);
}

absl::StatusOr<SavedFile> WriteSafetensors(const std::string& path, const Safetensors& contents) {
  try {
    return WriteOrThrow(path, contents);
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot save ", path, ": ", ExceptionText(error)));
  }
}

}  // namespace descent
