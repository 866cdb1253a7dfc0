#include "core/data/examples.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "absl/strings/str_cat.h"

namespace descent {

Origin Origin::Lines(std::string path, std::vector<int64_t> lines) {
  Origin origin(std::move(path));
  origin.lines_ = std::make_shared<const std::vector<int64_t>>(std::move(lines));
  return origin;
}

Origin Origin::Files(std::string path, std::vector<std::string> files) {
  Origin origin(std::move(path));
  origin.files_ = std::make_shared<const std::vector<std::string>>(std::move(files));
  return origin;
}

Origin Origin::Part(const std::vector<int64_t>& rows) const {
  std::vector<int64_t> of_file = rows;
  if (rows_) {
    for (int64_t& row : of_file) row = (*rows_)[static_cast<size_t>(row)];
  }
  Origin part = *this;
  part.rows_ = std::make_shared<const std::vector<int64_t>>(std::move(of_file));
  return part;
}

Origin Origin::In(std::string path) const {
  Origin other = *this;
  other.path_ = std::move(path);
  return other;
}

std::string Origin::Name(int64_t row) const {
  if (rows_) row = (*rows_)[static_cast<size_t>(row)];
  if (lines_) return absl::StrCat(path_, ", line ", (*lines_)[static_cast<size_t>(row)]);
  if (files_) return absl::StrCat(path_, "/", (*files_)[static_cast<size_t>(row)]);
  return absl::StrCat(path_, ", example ", row, " (counted from 0)");
}

Examples Examples::Part(const std::vector<int64_t>& rows) const {
  const at::Tensor index = at::tensor(rows, at::kLong);
  Examples part = *this;
  part.inputs = inputs.index_select(0, index);
  part.targets = targets.index_select(0, index);
  if (weights.defined()) part.weights = weights.index_select(0, index);
  part.inputs_origin = inputs_origin.Part(rows);
  part.targets_origin = targets_origin.Part(rows);
  return part;
}

}  // namespace descent
