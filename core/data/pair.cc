#include "core/data/pair.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent {
namespace {

absl::Status CheckArray(const at::Tensor& array, const std::string& name) {
  if (array.dim() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is a single number, where an array of examples is expected."));
  }
  if (array.numel() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " holds no elements: its shape is ", ShapeText(array), "."));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ShapeText(const at::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]");
}

absl::StatusOr<Examples> MakePair(at::Tensor inputs, const std::string& inputs_name,
                                  at::Tensor targets, const std::string& targets_name) {
  if (absl::Status status = CheckArray(inputs, inputs_name); !status.ok()) return status;
  Examples examples;
  examples.inputs_origin = Origin(inputs_name);
  if (!targets.defined()) {
    examples.inputs = std::move(inputs);
    return examples;
  }
  if (absl::Status status = CheckArray(targets, targets_name); !status.ok()) return status;
  if (inputs.size(0) != targets.size(0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        inputs_name, " holds ", inputs.size(0), " examples (", ShapeText(inputs), "), but ",
        targets_name, " ", targets.size(0), " targets: they must be equally many."));
  }
  examples.inputs = std::move(inputs);
  examples.targets = std::move(targets);
  examples.targets_origin = Origin(targets_name);
  return examples;
}

absl::StatusOr<Examples> ReadPair(const std::string& inputs, const std::string& targets,
                                  bool inputs_only,
                                  absl::FunctionRef<absl::StatusOr<at::Tensor>(
                                      const std::string& path, std::vector<FileDigest>* files)>
                                      read) {
  std::vector<FileDigest> files;
  absl::StatusOr<at::Tensor> read_inputs = read(inputs, &files);
  if (!read_inputs.ok()) return read_inputs.status();
  absl::StatusOr<at::Tensor> read_targets = at::Tensor();
  if (!inputs_only) read_targets = read(targets, &files);
  if (!read_targets.ok()) return read_targets.status();
  absl::StatusOr<Examples> examples =
      MakePair(*std::move(read_inputs), inputs, *std::move(read_targets), targets);
  if (examples.ok()) examples->files = std::move(files);
  return examples;
}

}  // namespace descent
