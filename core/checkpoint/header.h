// The JSON header of a safetensors file, and its types' names. Free functions; any thread.
#ifndef DESCENT_CORE_CHECKPOINT_HEADER_H_
#define DESCENT_CORE_CHECKPOINT_HEADER_H_

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace descent {

struct TensorEntry {
  std::string dtype;  // `F32`
  std::vector<int64_t> shape;
  std::vector<int64_t> data_offsets;  // begin and end, from the first byte after the header
};

struct SafetensorsHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

// Gives INVALID_ARGUMENT naming what is wrong: not JSON, another form, duplicate names. Numbers are
// non-negative and fit 63 bits; nothing else is checked here.
absl::StatusOr<SafetensorsHeader> ParseHeader(std::string_view json);

std::string WriteHeader(const SafetensorsHeader& header);

std::optional<c10::ScalarType> DtypeFromName(std::string_view name);
std::optional<std::string> DtypeName(c10::ScalarType type);

}  // namespace descent

#endif  // DESCENT_CORE_CHECKPOINT_HEADER_H_
