#include "core/data/encode.h"

#include <ATen/TensorIndexing.h>
#include <ATen/ops/empty.h>

#include <exception>
#include <new>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

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

absl::Status CheckFinite(const at::Tensor& values, const Origin& origin, const char* what) {
  if (!values.is_floating_point()) return absl::OkStatus();
  const int64_t row = FirstRowNotFinite(values);
  if (row < 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      origin.Name(row), ": ", what, " is NaN, infinite, or too large for the run's dtype."));
}

absl::Status CheckWhole(const at::Tensor& values, const Origin& origin, const char* one,
                        const char* many) {
  at::Tensor bad = values.lt(0);
  if (values.is_floating_point()) {
    bad = bad.logical_or(values.ne(values.trunc())).logical_or(values.gt(1e9));
  }
  if (!bad.any().item<bool>()) return absl::OkStatus();
  const int64_t place = bad.reshape({-1}).nonzero()[0].item<int64_t>();
  return absl::InvalidArgumentError(
      absl::StrCat(origin.Name(place / (values.numel() / values.size(0))), ": ",
                   values.reshape({-1})[place].item<double>(), " is not a ", one, ": ", many,
                   " are whole numbers from 0."));
}

// Numbers that the run may write into; bytes scaled to [0, 1].
at::Tensor Convert(const at::Tensor& read, at::ScalarType dtype) {
  at::Tensor values = read.to(dtype);
  if (read.scalar_type() == at::kByte) values.div_(255);
  if (values.dim() < 2) values = values.unsqueeze(1);
  return values.contiguous();
}

// LibTorch reports by exceptions, which must not leave this library.
absl::Status Guarded(const std::string& path, absl::FunctionRef<absl::Status()> work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path, " does not fit in memory."));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot load ", path, ": ", ExceptionText(error), "."));
  }
}

}  // namespace

absl::StatusOr<Encoder> Encoder::Fit(const Examples& train, const EncodeOptions& options,
                                     Dataset* encoded) {
  if ((train.indices || options.indices) && options.normalization) {
    return absl::InvalidArgumentError(absl::StrCat(
        train.inputs_origin.path(), " is read as places in a table, which cannot be normalized."));
  }
  Encoder encoder(options);
  const absl::Status learned = Guarded(train.inputs_origin.path(), [&] {
    if ((!train.missing && !options.normalization) || options.indices) return absl::OkStatus();
    at::Tensor inputs = Convert(train.inputs, options.dtype);
    encoder.features_ = inputs.numel() / inputs.size(0);
    if (train.missing) {
      encoder.means_ = FeatureMeans(inputs);
      if (inputs.is_alias_of(train.inputs)) inputs = inputs.clone();
      FillMissing(encoder.means_, &inputs);
    }
    // Else the numbers below mean nothing.
    absl::Status status = CheckFinite(inputs, train.inputs_origin, "an input");
    if (status.ok() && options.normalization) {
      encoder.normalization_ = FitNormalization(*options.normalization, inputs, train.one_hot);
    }
    return status;
  });
  if (!learned.ok()) return learned;
  absl::StatusOr<Dataset> dataset = encoder.Encode(train);
  if (!dataset.ok()) return dataset.status();
  *encoded = *std::move(dataset);
  return encoder;
}

absl::StatusOr<Dataset> Encoder::Encode(const Examples& examples) const {
  Dataset dataset;
  dataset.files = examples.files;
  dataset.origin = examples.targets_origin;
  dataset.weights = examples.weights;
  absl::Status status = Guarded(examples.inputs_origin.path(), [&] {
    absl::Status inputs = SetInputs(examples, &dataset);
    return inputs.ok() && examples.targets.defined() ? SetTargets(examples, &dataset) : inputs;
  });
  if (!status.ok()) return status;
  return dataset;
}

absl::Status Encoder::SetInputs(const Examples& examples, Dataset* dataset) const {
  if (examples.indices) {
    dataset->inputs = examples.inputs;
    return absl::OkStatus();
  }
  if (options_.indices) {
    const Origin& origin = examples.inputs_origin;
    // NaN is no whole number either.
    absl::Status status = CheckWhole(examples.inputs, origin, "place in a table", "places");
    dataset->inputs = examples.inputs.to(at::kLong).contiguous();
    return status;
  }
  at::Tensor values = Convert(examples.inputs, options_.dtype);
  const int64_t features = values.numel() / values.size(0);
  if (features_ != 0 && features != features_) {
    return absl::InvalidArgumentError(
        absl::StrCat(examples.inputs_origin.path(), " holds examples of ", features,
                     " numbers, but the training data of ", features_, "."));
  }
  if (examples.missing) {
    if (values.is_alias_of(examples.inputs)) values = values.clone();
    FillMissing(means_, &values);
  }
  if (!normalization_.offset.empty()) values = Normalize(normalization_, values);
  dataset->inputs = values;
  return CheckFinite(values, examples.inputs_origin, "an input");
}

// Targets as they are read to those of the run.
absl::Status Encoder::SetTargets(const Examples& examples, Dataset* dataset) const {
  const Origin& origin = examples.targets_origin;
  const at::Tensor& read = examples.targets;
  if (absl::Status s = CheckFinite(read, origin, "the target"); !s.ok()) return s;
  if (options_.targets == TargetKind::kValues) {
    at::Tensor values = read.to(options_.dtype);
    if (values.dim() < 2) values = values.unsqueeze(1);
    dataset->targets = values.contiguous();
    return CheckFinite(dataset->targets, origin, "the target");
  }
  at::Tensor classes = read;
  if (classes.dim() == 2 && classes.size(1) == 1) classes = classes.reshape({-1});
  if (absl::Status s = CheckWhole(classes, origin, "class", "classes"); !s.ok()) return s;
  // A text's targets overlap its inputs: contiguous only where that costs nothing.
  dataset->targets = classes.to(at::kLong);
  if (!examples.indices) dataset->targets = dataset->targets.contiguous();
  return absl::OkStatus();
}

absl::StatusOr<Dataset> Encode(const Examples& examples, const EncodeOptions& options) {
  Dataset dataset;
  absl::StatusOr<Encoder> encoder = Encoder::Fit(examples, options, &dataset);
  if (!encoder.ok()) return encoder.status();
  return dataset;
}

}  // namespace descent
