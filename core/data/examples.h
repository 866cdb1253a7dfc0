#ifndef DESCENT_CORE_DATA_EXAMPLES_H_
#define DESCENT_CORE_DATA_EXAMPLES_H_

// Examples as a source holds them, before they are split, filled in, normalized and converted
// (encode.h). Values that share their tensors, to which nobody writes.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/data/file.h"

namespace descent {

// Names that stand for numbers, in order, by what they are the names of: a CSV column's categories,
// the `classes` of an image folder, the `vocabulary` of a text.
using Categories = std::map<std::string, std::vector<std::string>>;

// Where examples come from, for messages.
class Origin {
 public:
  Origin() = default;
  // Row i is `path, example i (counted from 0)`.
  explicit Origin(std::string path) : path_(std::move(path)) {}
  // Row i is `path, line lines[i]`.
  static Origin Lines(std::string path, std::vector<int64_t> lines);
  // Row i is `path/files[i]`.
  static Origin Files(std::string path, std::vector<std::string> files);
  // Rows of this one.
  Origin Part(const std::vector<int64_t>& rows) const;
  // The same rows of another file.
  Origin In(std::string path) const;

  const std::string& path() const { return path_; }
  std::string Name(int64_t row) const;

 private:
  std::string path_;
  std::shared_ptr<const std::vector<int64_t>> lines_;
  std::shared_ptr<const std::vector<std::string>> files_;
  std::shared_ptr<const std::vector<int64_t>> rows_;  // null: all
};

struct Examples {
  at::Tensor inputs;   // [n, …], real numbers of any type; NaN only where `missing` says so
  at::Tensor targets;  // [n] or [n, …]; undefined if only inputs were asked for
  at::Tensor weights;  // [n] float64, ≥ 0; undefined if there are none
  Origin inputs_origin;
  Origin targets_origin;
  std::vector<FileDigest> files;
  Categories categories;
  // Inputs are numbers of a vocabulary (int64), nothing to compute with.
  bool indices = false;
  // NaN among the inputs stands for the training part's mean of the feature.
  bool missing = false;
  // Of inputs [n, features]: which are one number of several for a category. Empty: none.
  std::vector<bool> one_hot;
  // Of a CSV file: the names of the columns that are inputs, in order, and of the targets.
  std::vector<std::string> columns;
  std::vector<std::string> target_columns;
  // What was decided about the file that its reader might not expect: sentences.
  std::vector<std::string> notes;

  int64_t size() const { return inputs.size(0); }
  // These rows, in this order.
  Examples Part(const std::vector<int64_t>& rows) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_EXAMPLES_H_
