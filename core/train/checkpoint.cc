#include "core/train/checkpoint.h"

#include <bit>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent {
namespace {

constexpr char kFormat[] = "descent.checkpoint.1";
constexpr std::string_view kNumber = "number/";
constexpr std::string_view kInteger = "integer/";

template <typename Integer>
std::optional<Integer> ParseInteger(std::string_view text, int base) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

absl::Status Invalid(const std::string& path, std::string_view field) {
  return absl::InvalidArgumentError(absl::StrCat(path, " is no valid checkpoint: its field \"",
                                                 std::string(field), "\" is missing or wrong."));
}

absl::Status ReadInteger(const Safetensors& file, const std::string& path, const char* field,
                         int64_t* value) {
  const auto found = file.metadata.find(field);
  if (found == file.metadata.end()) return Invalid(path, field);
  const std::optional<int64_t> parsed = ParseInteger<int64_t>(found->second, 10);
  if (!parsed || *parsed < 0) return Invalid(path, field);
  *value = *parsed;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SavedFile> SaveCheckpoint(const std::string& path, const CheckpointInfo& info,
                                         const RunState& state) {
  Safetensors file;
  for (const auto& [name, tensor] : state.tensors) file.tensors.emplace(name, tensor);
  file.metadata["format"] = kFormat;
  file.metadata["branch"] = absl::StrCat(info.branch);
  file.metadata["iteration"] = absl::StrCat(info.iteration);
  file.metadata["spec"] = info.spec;
  for (const auto& [name, integer] : state.integers) {
    file.metadata[absl::StrCat(std::string(kInteger), name)] = absl::StrCat(integer);
  }
  for (const auto& [name, number] : state.numbers) {
    // Numbers are saved as their bits: decimal digits would do for finite numbers only.
    file.metadata[absl::StrCat(std::string(kNumber), name)] =
        absl::StrFormat("%016x", std::bit_cast<uint64_t>(number));
  }
  return WriteSafetensors(path, file);
}

absl::StatusOr<Checkpoint> LoadCheckpoint(const std::string& path,
                                          const std::string& expected_sha256) {
  absl::StatusOr<Safetensors> file = ReadSafetensors(path, expected_sha256);
  if (!file.ok()) return file.status();
  const auto format = file->metadata.find("format");
  if (format == file->metadata.end() || format->second != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is no checkpoint of this version: its format is \"",
        format == file->metadata.end() ? "" : format->second, "\", expected \"", kFormat, "\"."));
  }
  for (const auto& [name, type] : file->unreadable) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no checkpoint of this version: \"",
                                                   name, "\" has the unknown type ", type, "."));
  }
  Checkpoint checkpoint;
  if (absl::Status s = ReadInteger(*file, path, "branch", &checkpoint.info.branch); !s.ok()) {
    return s;
  }
  if (absl::Status s = ReadInteger(*file, path, "iteration", &checkpoint.info.iteration); !s.ok()) {
    return s;
  }
  checkpoint.info.spec = file->metadata["spec"];
  for (const auto& [key, text] : file->metadata) {
    const std::string_view name = key;
    if (name.starts_with(kInteger)) {
      const std::optional<int64_t> value = ParseInteger<int64_t>(text, 10);
      if (!value) return Invalid(path, key);
      checkpoint.state.integers.emplace_back(name.substr(kInteger.size()), *value);
    } else if (name.starts_with(kNumber)) {
      const std::optional<uint64_t> bits = ParseInteger<uint64_t>(text, 16);
      if (!bits) return Invalid(path, key);
      checkpoint.state.numbers.emplace_back(name.substr(kNumber.size()),
                                            std::bit_cast<double>(*bits));
    }
  }
  for (auto& [name, tensor] : file->tensors) {
    checkpoint.state.tensors.emplace_back(name, std::move(tensor));
  }
  return checkpoint;
}

}  // namespace descent
