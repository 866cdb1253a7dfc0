#include "core/data/examples.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "absl/strings/str_cat.h"

namespace descent {

Origin Origin::Lines(std::string path, std::vector<int64_t> lines, std::vector<int64_t> places) {
  Origin origin(std::move(path));
  origin.lines_ = std::make_shared<const std::vector<int64_t>>(std::move(lines));
  origin.places_ = std::make_shared<const std::vector<int64_t>>(std::move(places));
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

size_t Origin::Whole(int64_t row) const {
  return static_cast<size_t>(rows_ ? (*rows_)[static_cast<size_t>(row)] : row);
}

std::string Origin::Name(int64_t row) const {
  const size_t whole = Whole(row);
  if (lines_) return absl::StrCat(path_, ", line ", (*lines_)[whole]);
  if (files_) return absl::StrCat(path_, "/", (*files_)[whole]);
  return absl::StrCat(path_, ", example ", whole, " (counted from 0)");
}

int64_t Origin::Place(int64_t row) const {
  const size_t whole = Whole(row);
  return places_ && !places_->empty() ? (*places_)[whole] : static_cast<int64_t>(whole);
}

std::string_view Origin::File(int64_t row) const {
  return files_ ? std::string_view((*files_)[Whole(row)]) : std::string_view();
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
