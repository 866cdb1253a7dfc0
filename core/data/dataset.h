#ifndef DESCENT_CORE_DATA_DATASET_H_
#define DESCENT_CORE_DATA_DATASET_H_

// Examples in memory: inputs and targets, row by row. A Dataset is a value that shares its tensors;
// nobody writes to them after loading, so any number of threads may read.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/file.h"

namespace descent {

// What a row's target is.
enum class TargetKind {
  kClass,   // an index, counted from 0: targets are [n], int64
  kValues,  // numbers: targets are [n, outputs], of the inputs' type
};

struct Dataset {
  at::Tensor inputs;   // [n, …], float32 or float64
  at::Tensor targets;  // see TargetKind
  std::vector<FileDigest> files;
  // How messages name row i: `path, line i+first_line` of a CSV file, `path, example i` (from 0) of
  // an idx file.
  std::string targets_path;
  bool is_csv = false;

  int64_t size() const { return inputs.size(0); }
  std::string RowName(int64_t row) const;
};

struct DatasetOptions {
  at::ScalarType dtype = at::kFloat;  // of the inputs: kFloat or kDouble
  TargetKind targets = TargetKind::kClass;
};

// Two idx files with equally many rows. Unsigned bytes of the inputs are scaled to [0, 1]; other
// types, and all targets, are taken as they are. Errors are sentences that name the file, and the
// row where there is one: those of ReadDataFile and ParseIdx; InvalidArgument besides: the row
// counts differ, a value is NaN or infinite, a class is no whole number ≥ 0.
absl::StatusOr<Dataset> LoadIdx(const std::string& inputs, const std::string& targets,
                                const DatasetOptions& options);

// A CSV file; `targets` names the target columns, one if they are classes.
absl::StatusOr<Dataset> LoadCsv(const std::string& path, const std::vector<std::string>& targets,
                                const DatasetOptions& options);

// Refuses (OutOfRange) a label ≥ `classes`, naming the row. The number of classes is the size of
// the model's output, which is known only once there is a model.
absl::Status CheckClasses(const Dataset& dataset, int64_t classes);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_DATASET_H_
