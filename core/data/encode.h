#ifndef DESCENT_CORE_DATA_ENCODE_H_
#define DESCENT_CORE_DATA_ENCODE_H_

// From what a source holds to what a run takes: the run's number type, bytes scaled to [0, 1],
// missing values filled in, normalization. What has to be learned for that is learned from the
// training data and applied to the test data as it is.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"
#include "core/data/normalization.h"

namespace descent {

struct EncodeOptions {
  at::ScalarType dtype = at::kFloat;  // of the inputs: kFloat or kDouble
  TargetKind targets = TargetKind::kClass;
  // The inputs are places in a table, whole numbers from 0: they become int64.
  bool indices = false;
  std::optional<Normalization> normalization = {};
};

// A value; any thread may encode.
class Encoder {
 public:
  // Learns from the training data, and encodes them. The errors of Encode; InvalidArgument besides:
  // characters cannot be normalized.
  static absl::StatusOr<Encoder> Fit(const Examples& train, const EncodeOptions& options,
                                     Dataset* encoded);

  // Unsigned bytes of the inputs are scaled to [0, 1]; other types, and all targets, are taken as
  // they are, or left out where there are none. Errors are sentences that name the file and the
  // row. InvalidArgument: a value is NaN or infinite or too large for the type, a class is no whole
  // number ≥ 0; ResourceExhausted.
  absl::StatusOr<Dataset> Encode(const Examples& examples) const;

  // What was learned; empty if nothing was.
  const std::vector<double>& means() const { return means_; }  // of missing values, by feature
  const NormalizationNumbers& normalization() const { return normalization_; }

 private:
  explicit Encoder(const EncodeOptions& options) : options_(options) {}

  absl::Status SetInputs(const Examples& examples, Dataset* dataset) const;
  absl::Status SetTargets(const Examples& examples, Dataset* dataset) const;

  EncodeOptions options_;
  int64_t features_ = 0;  // of an example, if anything was learned
  std::vector<double> means_;
  NormalizationNumbers normalization_;
};

// Without normalization.
absl::StatusOr<Dataset> Encode(const Examples& examples, const EncodeOptions& options = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_ENCODE_H_
