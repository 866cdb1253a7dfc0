// The manifest says which files a dataset has: a line for each, `SHA256 BYTES PATH`, as
// descent/v1/dataset_service.proto describes it. Both ends of an upload write and read it by this
// one file. Pure functions; any thread.
#ifndef DESCENT_PROTO_DATASET_MANIFEST_H_
#define DESCENT_PROTO_DATASET_MANIFEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace descent {

inline constexpr size_t kMaxDatasetFiles = 200'000;
inline constexpr int64_t kMaxManifestBytes = int64_t{32} << 20;
// What all files of a dataset may have together, so that no sum overflows.
inline constexpr int64_t kMaxDatasetBytes = int64_t{1} << 50;
// A chunk has at most so many bytes.
inline constexpr size_t kMaxDatasetChunk = size_t{1} << 20;

struct DatasetFile {
  std::string path;  // relative, its parts joined by `/`
  int64_t bytes = 0;
  std::string sha256 = {};  // 64 lower-case hexadecimal digits

  friend bool operator==(const DatasetFile&, const DatasetFile&) = default;
};

// Says why it can't be the path of a dataset's file: `has a part ".."`. Empty if it can.
std::string WhyNoDatasetPath(std::string_view path);

bool IsSha256Hex(std::string_view text);

// Gives the manifest of these files, in whatever order they come.
std::string ManifestText(std::vector<DatasetFile> files);

// Gives the files of a manifest. INVALID_ARGUMENT is a sentence that names the line.
absl::StatusOr<std::vector<DatasetFile>> ParseManifest(std::string_view text);

}  // namespace descent

#endif  // DESCENT_PROTO_DATASET_MANIFEST_H_
