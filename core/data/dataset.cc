#include "core/data/dataset.h"

#include "absl/strings/str_cat.h"

namespace descent {

absl::Status CheckClasses(const Dataset& dataset, int64_t classes) {
  if (dataset.targets.scalar_type() != at::kLong) {
    return absl::InvalidArgumentError("The targets are no classes.");
  }
  const at::Tensor targets = dataset.targets.contiguous();
  const int64_t* labels = targets.const_data_ptr<int64_t>();
  const int64_t per_row = targets.numel() / targets.size(0);
  for (int64_t i = 0; i < targets.numel(); ++i) {
    if (labels[i] < classes) continue;
    return absl::OutOfRangeError(absl::StrCat(dataset.origin.Name(i / per_row), ": the label ",
                                              labels[i],
                                              " is out of range: the model's output has ", classes,
                                              " classes (0 to ", classes - 1, ")."));
  }
  return absl::OkStatus();
}

}  // namespace descent
