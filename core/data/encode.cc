#include "core/data/encode.h"

#include <ATen/TensorIndexing.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "core/data/input_encoding.h"
#include "core/data/rounding.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

// Gives the first row for which some element is not finite, or −1 if there is none.
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

// Views the numbers as [n, …] with an example of at least one dimension.
at::Tensor AsRows(const at::Tensor& read) {
  return (read.dim() < 2 ? read.unsqueeze(1) : read).contiguous();
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

absl::Status CheckScale(const NormalizationNumbers& numbers, const Origin& origin,
                        const char* what) {
  if (std::all_of(numbers.scale.begin(), numbers.scale.end(),
                  [](double s) { return std::isfinite(s); })) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(origin.path(), ": the ", what, " are too far apart to be normalized."));
}

// Notes numbers far from zero, close together, that nobody normalizes: rounded, they are few.
void NoteCoarse(const Examples& train, const EncodeOptions& options, Dataset* dataset) {
  const auto note = [&](const Origin& origin, const std::string& what, int64_t steps,
                        const char* field) {
    dataset->notes.push_back(absl::StrCat(origin.path(), ": ", what, " varies by about ", steps,
                                          steps == 1 ? " step" : " steps",
                                          " of float32 alone, which tells no more numbers apart; ",
                                          field, " or execution.dtype FLOAT64 keeps them."));
  };
  if (!options.normalization && !options.indices && !train.indices) {
    if (const auto coarse = FindCoarse(train.inputs, options.dtype)) {
      const auto place = static_cast<size_t>(coarse->feature);
      const bool named =
          train.one_hot.empty() && place < train.columns.size() &&
          static_cast<int64_t>(train.columns.size()) == train.inputs.numel() / train.inputs.size(0);
      note(train.inputs_origin,
           named ? absl::StrCat("the column \"", train.columns[place], "\"")
                 : absl::StrCat("number ", place, " (counted from 0) of the inputs"),
           coarse->steps, "data.normalization");
    }
  }
  if (options.targets == TargetKind::kValues && !options.target_normalization) {
    if (const auto coarse = FindCoarse(train.targets, options.dtype)) {
      note(train.targets_origin,
           absl::StrCat("number ", coarse->feature, " (counted from 0) of the targets"),
           coarse->steps, "data.target_normalization");
    }
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
  InputEncoding& encoding = encoder.options_.encoding;
  const absl::Status learned = Guarded(train.inputs_origin.path(), [&] {
    const bool measured = !train.indices && !options.indices;
    absl::StatusOr<InputEncoding> own = LearnEncoding(train, options.encoding, measured);
    if (!own.ok()) return own.status();
    encoding = *std::move(own);
    const bool table = !train.columns.empty();
    if ((!table && !options.normalization) || options.indices) return absl::OkStatus();
    const at::Tensor inputs = Computable(AsRows(train.inputs));
    encoder.features_ = inputs.numel() / inputs.size(0);
    RawNumbers raw{.values = inputs, .divisor = *encoding.divisor * Steps(train.inputs)};
    // Other data may lack what these have.
    if (table) encoder.means_ = FeatureMeans(raw);
    if (train.missing) raw.missing = encoder.means_;
    if (!options.normalization) return absl::OkStatus();
    if (!train.missing) {  // with missing values the numbers below mean nothing
      absl::Status status = CheckFinite(inputs, train.inputs_origin, "an input");
      if (!status.ok()) return status;
    }
    encoder.normalization_ = FitNormalization(*options.normalization, raw, train.one_hot);
    return CheckScale(encoder.normalization_, train.inputs_origin, "inputs");
  });
  if (!learned.ok()) return learned;
  if (options.target_normalization) {
    const Origin& origin = train.targets_origin;
    const absl::Status status = Guarded(origin.path(), [&] {
      const at::Tensor targets = AsRows(train.targets);
      if (absl::Status s = CheckFinite(targets, origin, "the target"); !s.ok()) return s;
      encoder.target_normalization_ =
          FitNormalization(*options.target_normalization, {.values = targets}, {});
      return CheckScale(encoder.target_normalization_, origin, "targets");
    });
    if (!status.ok()) return status;
  }
  absl::StatusOr<Dataset> dataset = encoder.Encode(train);
  if (!dataset.ok()) return dataset.status();
  NoteCoarse(train, encoder.options_, &*dataset);
  *encoded = *std::move(dataset);
  return encoder;
}

absl::StatusOr<Dataset> Encoder::Encode(const Examples& examples) const {
  Dataset dataset;
  dataset.files = examples.files;
  dataset.notes = examples.notes;
  dataset.origin = examples.targets.defined() ? examples.targets_origin : examples.inputs_origin;
  dataset.weights = examples.weights;
  absl::Status status = Guarded(examples.inputs_origin.path(), [&] {
    absl::Status inputs = SetInputs(examples, &dataset);
    return inputs.ok() && examples.targets.defined() ? SetTargets(examples, &dataset) : inputs;
  });
  if (!status.ok()) return status;
  return dataset;
}

at::Tensor Encoder::Convert(const at::Tensor& read, bool missing) const {
  const double divisor = options_.encoding.divisor.value_or(1) * Steps(read);
  if (missing || !normalization_.offset.empty()) {
    RawNumbers raw{.values = Computable(read), .divisor = divisor};
    if (missing) raw.missing = means_;
    return Normalize(normalization_, raw, options_.dtype);
  }
  if (divisor == 1) return read.to(options_.dtype);
  // A byte's quotient is rounded alike in both.
  if (read.scalar_type() == at::kByte) return read.to(options_.dtype).div_(divisor);
  return read.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true)
      .div_(divisor)
      .to(options_.dtype);
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
  if (absl::Status status = CheckEncoding(options_.encoding, examples); !status.ok()) return status;
  const at::Tensor rows = AsRows(examples.inputs);
  const int64_t features = rows.numel() / rows.size(0);
  // Otherwise the model says what does not fit it.
  const bool by_feature = examples.missing || !normalization_.offset.empty();
  if (by_feature && features_ != 0 && features != features_) {
    return absl::InvalidArgumentError(
        absl::StrCat(examples.inputs_origin.path(), " holds examples of ", features,
                     " numbers, but the training data of ", features_, "."));
  }
  dataset->inputs = Convert(rows, examples.missing);
  return CheckFinite(dataset->inputs, examples.inputs_origin, "an input");
}

// Makes targets as they are read those of the run.
absl::Status Encoder::SetTargets(const Examples& examples, Dataset* dataset) const {
  const Origin& origin = examples.targets_origin;
  const at::Tensor& read = examples.targets;
  if (absl::Status s = CheckFinite(read, origin, "the target"); !s.ok()) return s;
  if (options_.targets == TargetKind::kValues) {
    const at::Tensor rows = AsRows(read);
    dataset->target_normalization = target_normalization_;
    dataset->targets = target_normalization_.offset.empty()
                           ? rows.to(options_.dtype)
                           : Normalize(target_normalization_, {.values = rows}, options_.dtype);
    return CheckFinite(dataset->targets, origin, "the target");
  }
  at::Tensor classes = read;
  if (classes.dim() == 2 && classes.size(1) == 1) classes = classes.reshape({-1});
  at::Tensor ignored;
  // A text has no targets to ignore.
  if (options_.ignore_index && !examples.indices) {
    // A byte can't be compared with −100.
    if (!classes.is_floating_point()) classes = classes.to(at::kLong);
    ignored = classes.eq(*options_.ignore_index);
    if (!ignored.any().item<bool>()) ignored.reset();
  }
  const at::Tensor counted = ignored.defined() ? classes.masked_fill(ignored, 0) : classes;
  if (absl::Status s = CheckWhole(counted, origin, "class", "classes"); !s.ok()) return s;
  // A text's targets overlap its inputs: contiguous only where that costs nothing.
  dataset->targets = counted.to(at::kLong);
  if (ignored.defined()) {
    dataset->targets = dataset->targets.masked_fill(ignored, kIgnoredClass);
  }
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
