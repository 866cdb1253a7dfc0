// Normalization is what a file's numbers become on their way to a run: they are divided, missing
// ones filled in, and x becomes (x − offset)/scale, with an offset and a scale of each number of an
// example, each channel or all of them.
//
// All of it comes from the training data and is used for other data as it is. It is computed in
// double precision (64-bit integers: in extended precision) and rounded last: what is lost before
// an offset is subtracted does not come back. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_NORMALIZATION_H_
#define DESCENT_CORE_DATA_NORMALIZATION_H_

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace descent {

struct Normalization {
  enum class Kind {
    kStandard,  // the mean and the standard deviation: √(Σ(x − mean)²/n)
    kMinMax,    // the least and the distance from the least to the greatest
  };
  enum class Per { kFeature, kChannel, kAll };  // channels: the first dimension of an example
  Kind kind = Kind::kStandard;
  Per per = Per::kFeature;
};

// There is one offset and scale for each feature, each channel, or all. They are in extended
// precision because the mean of 64-bit integers may have more digits than a double.
struct NormalizationNumbers {
  std::vector<long double> offset;
  std::vector<double> scale;
};

// A file's numbers [n, …], n ≥ 1, contiguous, of any real type, and what comes before
// normalization.
struct RawNumbers {
  const at::Tensor& values;
  double divisor = 1;  // > 0
  // What NaN stands for, by feature. If empty, it stands for itself.
  std::span<const double> missing = {};
};

// Learns in the order of the rows, so that the bits are the same whatever the number of threads.
// What is the same in all examples, but for rounding errors, has the scale 1. Features of `fixed`
// (empty: none) have the offset 0 and the scale 1.
NormalizationNumbers FitNormalization(const Normalization& normalization, const RawNumbers& raw,
                                      const std::vector<bool>& fixed);

// Gives a new tensor of the same shape, float32 or float64. Without `numbers` (they are empty) it
// is only divided and filled in. Zero is never −0.
at::Tensor Normalize(const NormalizationNumbers& numbers, const RawNumbers& raw,
                     at::ScalarType dtype);

// Gives x·scale + offset, float64, which undoes normalization for the run's numbers [n, …]. They
// are as they are without `numbers`.
at::Tensor Denormalize(const NormalizationNumbers& numbers, const at::Tensor& values);

// Gives the mean [features] of each feature's numbers that are not NaN; 0 if there are none.
std::vector<double> FeatureMeans(const RawNumbers& raw);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NORMALIZATION_H_
