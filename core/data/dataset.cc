#include "core/data/dataset.h"

#include <ATen/TensorIndexing.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/csv.h"
#include "core/data/idx.h"

namespace descent {
namespace {

std::string Shape(const at::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]");
}

// The first row for which some element is not finite; −1 if there is none.
int64_t FirstRowNotFinite(const at::Tensor& values) {
  if (values.isfinite().all().item<bool>()) return -1;
  return values.reshape({values.size(0), -1})
      .isfinite()
      .all(1)
      .logical_not()
      .nonzero()[0]
      .item<int64_t>();
}

absl::Status CheckFinite(const at::Tensor& values, const Dataset& dataset, const std::string& path,
                         const char* what) {
  if (!values.is_floating_point()) return absl::OkStatus();
  const int64_t row = FirstRowNotFinite(values);
  if (row < 0) return absl::OkStatus();
  Dataset named = dataset;
  named.targets_path = path;
  return absl::InvalidArgumentError(absl::StrCat(
      named.RowName(row), ": ", what, " is NaN, infinite, or too large for the run's dtype."));
}

// Targets as they are read, [n] or [n, k], to those of the run.
absl::Status SetTargets(const at::Tensor& read, const DatasetOptions& options, Dataset* dataset) {
  const std::string& path = dataset->targets_path;
  if (absl::Status status = CheckFinite(read, *dataset, path, "the target"); !status.ok()) {
    return status;
  }
  if (options.targets == TargetKind::kValues) {
    at::Tensor values = read.reshape({read.size(0), -1}).to(options.dtype).contiguous();
    dataset->targets = values;
    return CheckFinite(values, *dataset, path, "the target");
  }
  at::Tensor flat = read;
  if (flat.dim() == 2 && flat.size(1) == 1) flat = flat.reshape({-1});
  if (flat.dim() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(path, " holds targets of the shape ",
                                                   Shape(read),
                                                   ", but classes are one number a row: [n]."));
  }
  at::Tensor bad = flat.lt(0);
  if (flat.is_floating_point())
    bad = bad.logical_or(flat.ne(flat.trunc())).logical_or(flat.gt(1e9));
  if (bad.any().item<bool>()) {
    const int64_t row = bad.nonzero()[0].item<int64_t>();
    return absl::InvalidArgumentError(
        absl::StrCat(dataset->RowName(row), ": ", flat[row].item<double>(),
                     " is not a class: classes are whole numbers from 0."));
  }
  dataset->targets = flat.to(at::kLong).contiguous();
  return absl::OkStatus();
}

absl::Status SetInputs(const at::Tensor& read, const DatasetOptions& options,
                       const std::string& path, Dataset* dataset) {
  at::Tensor values = read.to(options.dtype);
  if (read.scalar_type() == at::kByte) values.div_(255);
  dataset->inputs = values.contiguous();
  return CheckFinite(dataset->inputs, *dataset, path, "an input");
}

absl::StatusOr<Dataset> LoadIdxOrThrow(const std::string& inputs, const std::string& targets,
                                       const DatasetOptions& options) {
  Dataset dataset;
  dataset.targets_path = targets;
  at::Tensor read_inputs;
  at::Tensor read_targets;
  for (const auto& [path, tensor] :
       {std::pair(inputs, &read_inputs), std::pair(targets, &read_targets)}) {
    absl::StatusOr<FileContents> contents = ReadDataFile(path);
    if (!contents.ok()) return contents.status();
    absl::StatusOr<at::Tensor> parsed = ParseIdx(contents->bytes, path);
    if (!parsed.ok()) return parsed.status();
    *tensor = *parsed;
    dataset.files.push_back(contents->digest);
  }
  if (read_inputs.size(0) != read_targets.size(0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        inputs, " holds ", read_inputs.size(0), " examples (", Shape(read_inputs), "), but ",
        targets, " ", read_targets.size(0), " targets: they must be equally many."));
  }
  if (read_inputs.dim() < 2) read_inputs = read_inputs.unsqueeze(1);
  if (absl::Status status = SetInputs(read_inputs, options, inputs, &dataset); !status.ok()) {
    return status;
  }
  if (absl::Status status = SetTargets(read_targets, options, &dataset); !status.ok()) {
    return status;
  }
  return dataset;
}

absl::StatusOr<Dataset> LoadCsvOrThrow(const std::string& path,
                                       const std::vector<std::string>& targets,
                                       const DatasetOptions& options) {
  if (options.targets == TargetKind::kClass && targets.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat("Classes are one target column of ", path,
                                                   ", but ", targets.size(), " are named."));
  }
  absl::StatusOr<FileContents> contents = ReadDataFile(path);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<CsvTable> table = ParseCsv(contents->bytes, path, targets);
  if (!table.ok()) return table.status();
  Dataset dataset;
  dataset.is_csv = true;
  dataset.targets_path = path;
  dataset.files.push_back(contents->digest);
  if (absl::Status s = SetInputs(table->inputs, options, path, &dataset); !s.ok()) return s;
  if (absl::Status s = SetTargets(table->targets, options, &dataset); !s.ok()) return s;
  return dataset;
}

// LibTorch reports by exceptions, which must not leave this library.
template <typename Load>
absl::StatusOr<Dataset> Guarded(const std::string& path, Load load) {
  try {
    return load();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path, " does not fit in memory."));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot load ", path, ": ", error.what(), "."));
  }
}

}  // namespace

std::string Dataset::RowName(int64_t row) const {
  // The header is line 1; the row is wrong only if a quoted field holds line breaks.
  return is_csv ? absl::StrCat(targets_path, ", line ", row + 2)
                : absl::StrCat(targets_path, ", example ", row, " (counted from 0)");
}

absl::StatusOr<Dataset> LoadIdx(const std::string& inputs, const std::string& targets,
                                const DatasetOptions& options) {
  return Guarded(inputs, [&] { return LoadIdxOrThrow(inputs, targets, options); });
}

absl::StatusOr<Dataset> LoadCsv(const std::string& path, const std::vector<std::string>& targets,
                                const DatasetOptions& options) {
  return Guarded(path, [&] { return LoadCsvOrThrow(path, targets, options); });
}

absl::Status CheckClasses(const Dataset& dataset, int64_t classes) {
  if (dataset.targets.scalar_type() != at::kLong) {
    return absl::InvalidArgumentError("The targets are no classes.");
  }
  const int64_t* labels = dataset.targets.const_data_ptr<int64_t>();
  for (int64_t row = 0; row < dataset.targets.numel(); ++row) {
    if (labels[row] >= classes) {
      return absl::OutOfRangeError(absl::StrCat(dataset.RowName(row), ": the label ", labels[row],
                                                " is out of range: the model's output has ",
                                                classes, " classes (0 to ", classes - 1, ")."));
    }
  }
  return absl::OkStatus();
}

}  // namespace descent
