// `Examples` are what a source holds, before it is split, filled in, normalized and converted
// (encode.h). Values that share their tensors, to which nobody writes.
#ifndef DESCENT_CORE_DATA_EXAMPLES_H_
#define DESCENT_CORE_DATA_EXAMPLES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/data/file.h"

namespace descent {

// Names that stand for numbers, in order, by what they are the names of: a CSV column's categories,
// the `classes` of an image folder, the `vocabulary` of a text.
using Categories = std::map<std::string, std::vector<std::string>>;

// Where examples come from: for messages, and so that what is made of them can be joined to it.
class Origin {
 public:
  Origin() = default;
  // Calls row i `path, example i (counted from 0)`.
  explicit Origin(std::string path) : path_(std::move(path)) {}
  // Calls row i `path, line lines[i]`, and knows it as row places[i] of all that the file has; if
  // that is empty, the file has no others.
  static Origin Lines(std::string path, std::vector<int64_t> lines, std::vector<int64_t> places);
  // Calls row i `path/files[i]`.
  static Origin Files(std::string path, std::vector<std::string> files);
  // Gives the origin of some rows of this one.
  Origin Part(const std::vector<int64_t>& rows) const;
  // Gives the same rows of another file.
  Origin In(std::string path) const;

  const std::string& path() const { return path_; }
  std::string Name(int64_t row) const;
  // Gives the row's place among all rows of what was read, from 0; `moved` says whether that may be
  // another one than its own, because rows were left out, or these are a part.
  int64_t Place(int64_t row) const;
  bool moved() const { return rows_ != nullptr || (places_ != nullptr && !places_->empty()); }
  // Gives the row's own file, seen from path(): `cat/1.png`, in whatever bytes. Empty if it has
  // none.
  std::string_view File(int64_t row) const;

 private:
  // Gives, for a row of a part, that of the whole.
  size_t Whole(int64_t row) const;

  std::string path_;
  std::shared_ptr<const std::vector<int64_t>> lines_;
  std::shared_ptr<const std::vector<int64_t>> places_;
  std::shared_ptr<const std::vector<std::string>> files_;
  std::shared_ptr<const std::vector<int64_t>> rows_;  // null: all rows
};

struct Examples {
  at::Tensor inputs;   // [n, …], real numbers of any type; NaN only where `missing` says so
  at::Tensor targets;  // [n] or [n, …]; undefined if only inputs were asked for
  at::Tensor weights;  // [n] float64, ≥ 0; undefined if there are none
  // How the file's format calls the type of the inputs (`uint16`), if the tensor may be of a wider
  // one. If empty, they are of the tensor's type.
  std::string inputs_type;
  Origin inputs_origin;
  Origin targets_origin;
  std::vector<FileDigest> files;
  Categories categories;
  // True if inputs are numbers of a vocabulary (int64), nothing to compute with.
  bool indices = false;
  // True if NaN among the inputs stands for the training part's mean of the feature.
  bool missing = false;
  // For inputs [n, features]: which are one number of several for a category. Empty if none are.
  std::vector<bool> one_hot;
  // For a CSV file: the names of the columns that are inputs, in order, and of the targets.
  std::vector<std::string> columns;
  std::vector<std::string> target_columns;
  // What was decided about the file that its reader might not expect, in sentences.
  std::vector<std::string> notes;

  int64_t size() const { return inputs.size(0); }
  // Gives these rows, in this order.
  Examples Part(const std::vector<int64_t>& rows) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_EXAMPLES_H_
