// Makes examples of an array of inputs and one of targets, which is what idx, NumPy and safetensors
// have in common. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_PAIR_H_
#define DESCENT_CORE_DATA_PAIR_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/data/examples.h"

namespace descent {

// Gives `[60000, 28, 28]`.
std::string ShapeText(const at::Tensor& tensor);

// Gives INVALID_ARGUMENT, naming both, unless there are equally many rows, and at least one. If the
// targets are undefined there are none.
absl::StatusOr<Examples> MakePair(at::Tensor inputs, const std::string& inputs_name,
                                  at::Tensor targets, const std::string& targets_name);

// Reads both, each by its path; there are no targets if only inputs are asked for.
absl::StatusOr<Examples> ReadPair(const std::string& inputs, const std::string& targets,
                                  bool inputs_only,
                                  absl::FunctionRef<absl::StatusOr<at::Tensor>(
                                      const std::string& path, std::vector<FileDigest>* files)>
                                      read);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_PAIR_H_
