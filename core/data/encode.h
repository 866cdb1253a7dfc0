// An `Encoder` makes of what a source holds what a run takes: bytes scaled to [0, 1], missing
// values filled in, normalization, the run's number type. What has to be learned for that is
// learned from the training data and applied to all others as it is; where that can't be meant,
// they are refused.
#ifndef DESCENT_CORE_DATA_ENCODE_H_
#define DESCENT_CORE_DATA_ENCODE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"
#include "core/data/input_encoding.h"
#include "core/data/normalization.h"

namespace descent {

struct EncodeOptions {
  at::ScalarType dtype = at::kFloat;  // of the inputs, kFloat or kDouble
  TargetKind targets = TargetKind::kClass;
  // True if the inputs are places in a table, whole numbers from 0, which become int64.
  bool indices = false;
  std::optional<Normalization> normalization = {};
  // How targets that are values are normalized.
  std::optional<Normalization> target_normalization = {};
  // Targets of this class become kIgnoredClass; if there is none, no targets do.
  std::optional<int64_t> ignore_index = {};
  // The divisor may be given; for data that are not for training, all that was learned.
  InputEncoding encoding = {};
};

// A value; any thread may encode.
class Encoder {
 public:
  // Learns from the training data, and encodes them. Gives the errors of Encode, and
  // INVALID_ARGUMENT besides: characters cannot be normalized; the type or shape of an example is
  // another than given.
  static absl::StatusOr<Encoder> Fit(const Examples& train, const EncodeOptions& options,
                                     Dataset* encoded);

  // Makes an encoder without training data, by what the options say of them: without normalization
  // and missing values.
  explicit Encoder(EncodeOptions options) : options_(std::move(options)) {}

  // Encodes. Inputs are divided as those of the training are; targets are taken as they are, or
  // left out where there are none. Errors are sentences that name the file and the row.
  // INVALID_ARGUMENT: a value is NaN or infinite or too large for the type, a class is no whole
  // number ≥ 0; the inputs are not on the scale of the training's (CheckEncoding).
  // RESOURCE_EXHAUSTED if there is no memory for it.
  absl::StatusOr<Dataset> Encode(const Examples& examples) const;

  // What was learned; empty if nothing was.
  const std::vector<double>& means() const { return means_; }  // of missing values, by feature
  const NormalizationNumbers& normalization() const { return normalization_; }
  const NormalizationNumbers& target_normalization() const { return target_normalization_; }
  const InputEncoding& encoding() const { return options_.encoding; }

 private:
  at::Tensor Convert(const at::Tensor& read, bool missing) const;
  absl::Status SetInputs(const Examples& examples, Dataset* dataset) const;
  absl::Status SetTargets(const Examples& examples, Dataset* dataset) const;

  EncodeOptions options_;
  int64_t features_ = 0;  // how many numbers an example has, if anything was learned
  std::vector<double> means_;
  NormalizationNumbers normalization_;
  NormalizationNumbers target_normalization_;
};

// Encodes training data.
absl::StatusOr<Dataset> Encode(const Examples& examples, const EncodeOptions& options = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_ENCODE_H_
