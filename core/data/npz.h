// NumPy's format for several arrays: a ZIP archive of .npy files, compressed or not (by libzip).
// Free functions; any thread.
#ifndef DESCENT_CORE_DATA_NPZ_H_
#define DESCENT_CORE_DATA_NPZ_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"

namespace descent {

struct NpzFile {
  static constexpr const char* kind = "npz";
  std::string path;
  std::string inputs = "inputs";  // the names of the arrays
  std::string targets = "targets";

  void Describe(FieldList& fields) {
    fields(Named("path"), path).Required(kMissingPath);
    fields(Named("inputs"), inputs);
    fields(Named("targets"), targets);
  }
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Gives one array of the archive. `path` is for messages, which name the array; `type` is as in
// ParseNpy. Gives the errors of ParseNpy, and INVALID_ARGUMENT besides: no ZIP archive, no such
// array (with the names of those that there are); DATA_LOSS if it is damaged.
absl::StatusOr<at::Tensor> ParseNpz(std::string_view bytes, const std::string& path,
                                    const std::string& array, std::string* type = nullptr);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NPZ_H_
