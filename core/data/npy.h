// NumPy's format for one array
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3): a
// magic string, a Python dictionary with type, order and shape, then the elements. Free functions;
// any thread.
#ifndef DESCENT_CORE_DATA_NPY_H_
#define DESCENT_CORE_DATA_NPY_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"

namespace descent {

// Two files with equally many rows.
struct NpyFiles {
  static constexpr const char* kind = "npy";
  std::string inputs;
  std::string targets;

  void Describe(FieldList& fields) {
    fields(Named("inputs"), inputs).Required(kMissingPath);
    fields(Named("targets"), targets).Required(kMissingPath);
  }
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Gives numbers (booleans, integers of 8 to 64 bits, floats of 16 to 64), their bytes in either
// order, in C or Fortran order; unsigned 16 and 32 bits become int32 and int64, unsigned 64 bits
// int64. The elements are not copied if they can be used as they are and `owner` keeps the bytes
// alive; if it is null they always are. `name` is for messages. If it is not null, `type` becomes
// what NumPy calls the type of the elements: `uint16`. INVALID_ARGUMENT: not such an array, or one
// of text, objects or complex numbers; a number above 2^63 − 1; bytes after the last element;
// DATA_LOSS: truncated.
absl::StatusOr<at::Tensor> ParseNpy(std::string_view bytes, const std::string& name,
                                    std::shared_ptr<const void> owner, std::string* type = nullptr);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NPY_H_
