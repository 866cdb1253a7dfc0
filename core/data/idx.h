// The idx format of the MNIST files: two zero bytes, an element type, the rank, big-endian 32-bit
// dimensions, then the elements, big-endian, last dimension fastest
// (http://yann.lecun.com/exdb/mnist), plain or gzip-compressed. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_IDX_H_
#define DESCENT_CORE_DATA_IDX_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"

namespace descent {

// Two files with equally many rows.
struct IdxFiles {
  static constexpr const char* kind = "idx";
  std::string inputs;
  std::string targets;

  void Describe(FieldList& fields) {
    fields(Named("inputs"), inputs).Required(kMissingPath);
    fields(Named("targets"), targets).Required(kMissingPath);
  }
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Gives the elements as they are in the file: uint8, int8, int16, int32, float32 or float64, of any
// rank from 1 to 255. `path` is for error messages. INVALID_ARGUMENT: not an idx file, a zero
// dimension, bytes after the last element; DATA_LOSS: truncated or damaged.
absl::StatusOr<at::Tensor> ParseIdx(std::string_view bytes, const std::string& path);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_IDX_H_
