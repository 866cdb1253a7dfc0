// A `Dataset` is examples as a run takes them: inputs and targets, row by row. It is a value that
// shares its tensors; nobody writes to them after loading, so any number of threads may read.
#ifndef DESCENT_CORE_DATA_DATASET_H_
#define DESCENT_CORE_DATA_DATASET_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/data/examples.h"
#include "core/data/file.h"
#include "core/data/normalization.h"

namespace descent {

// What a row's target is.
enum class TargetKind {
  kClass,   // an index, counted from 0, or kIgnoredClass: targets are [n] or [n, …], int64
  kValues,  // numbers: targets are [n, …], of the inputs' type
};

// The class of targets that do not count, as losses and metrics know it.
inline constexpr int64_t kIgnoredClass = -100;

struct Dataset {
  at::Tensor inputs;   // [n, …], float32 or float64; int64 if they are numbers of a vocabulary
  at::Tensor targets;  // see TargetKind
  at::Tensor weights;  // [n] float64, ≥ 0; undefined if there are none
  std::vector<FileDigest> files;
  Origin origin;                   // where the targets come from, or rows that have none
  std::vector<std::string> notes;  // those of Examples
  // What was done to targets that are numbers; empty if nothing was.
  NormalizationNumbers target_normalization;

  int64_t size() const { return inputs.size(0); }
};

// Refuses (OUT_OF_RANGE) a label ≥ `classes`, naming the row. The number of classes is the size of
// the model's output, which is known only once there is a model.
absl::Status CheckClasses(const Dataset& dataset, int64_t classes);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_DATASET_H_
