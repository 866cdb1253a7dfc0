// Data in a safetensors file (core/checkpoint), mapped and not copied. Values; any thread.
#ifndef DESCENT_CORE_DATA_SAFETENSORS_FILE_H_
#define DESCENT_CORE_DATA_SAFETENSORS_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"

namespace descent {

// Two tensors of a file, with equally many rows.
struct SafetensorsFile {
  static constexpr const char* kind = "safetensors";
  std::string path;
  std::string inputs = "inputs";  // the names of the tensors
  std::string targets = "targets";

  void Describe(FieldList& fields) {
    fields(Named("path"), path).Required(kMissingPath);
    fields(Named("inputs"), inputs);
    fields(Named("targets"), targets);
  }
  // Gives the errors of ParseSafetensors, and INVALID_ARGUMENT besides: no such tensor, with the
  // names of those that there are.
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SAFETENSORS_FILE_H_
