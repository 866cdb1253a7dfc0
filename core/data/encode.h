// An `Encoder` makes of what a source holds what a run takes: bytes scaled to [0, 1], missing
// values filled in, normalization, the run's number type. What has to be learned for that is
// learned from the training data and applied to all others as it is; where that can't be meant,
// they are refused.
#ifndef DESCENT_CORE_DATA_ENCODE_H_
#define DESCENT_CORE_DATA_ENCODE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"
#include "core/data/normalization.h"

namespace descent {

// How the training inputs are stored. Inputs of another type are read by the same rule.
struct InputEncoding {
  // What floating-point numbers are like that nobody divides.
  struct Spread {
    double least = 0;
    double greatest = 0;
    bool whole = false;  // all of them are whole numbers
  };
  // Inputs are divided by this; by default by 255 if those of the training are unsigned bytes, else
  // by 1.
  std::optional<double> divisor = {};
  // The type of the training inputs, if it is known.
  std::optional<at::ScalarType> type = {};
  std::string type_name = {};       // as their file's format calls it: `uint16`
  std::vector<int64_t> shape = {};  // of one example; empty together with the type if not known
  // What training inputs are like that are floating-point numbers, divided by 1: by it alone it can
  // be told whether integers are numbers of the same kind. If it is not there, that is not known.
  std::optional<Spread> spread = {};
};

// Gives what inputs of this type are divided by unless something else is asked for.
double DefaultDivisor(at::ScalarType type);

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
  // number ≥ 0; the training inputs are bytes divided by 255, and these can't be; these are
  // integers, and the training inputs floating-point numbers that may be such integers divided by
  // something; the dimensions of an example stand in another order. RESOURCE_EXHAUSTED if there is
  // no memory for it.
  absl::StatusOr<Dataset> Encode(const Examples& examples) const;

  // What was learned; empty if nothing was.
  const std::vector<double>& means() const { return means_; }  // of missing values, by feature
  const NormalizationNumbers& normalization() const { return normalization_; }
  const NormalizationNumbers& target_normalization() const { return target_normalization_; }
  const InputEncoding& encoding() const { return options_.encoding; }

 private:
  // Checks that the inputs are what those of the training are, or can be read like them.
  absl::Status CheckEncoding(const Examples& examples) const;
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
