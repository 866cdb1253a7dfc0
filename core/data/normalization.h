#ifndef DESCENT_CORE_DATA_NORMALIZATION_H_
#define DESCENT_CORE_DATA_NORMALIZATION_H_

// x becomes (x − offset)/scale, with an offset and a scale of each number of an example, each
// channel or all of them. Both come from the training data and are used for the test data as they
// are. Free functions; any thread.

#include <ATen/core/Tensor.h>

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

// One offset and scale for each feature, channel, or one.
struct NormalizationNumbers {
  std::vector<double> offset;
  std::vector<double> scale;
};

// Of inputs [n, …], n ≥ 1, contiguous, float32 or float64, taken in the order of the rows in
// double precision: the same bits whatever the number of threads. What is the same in all examples
// has the scale 1. Features of `fixed` (empty: none) have the offset 0 and the scale 1.
NormalizationNumbers FitNormalization(const Normalization& normalization, const at::Tensor& inputs,
                                      const std::vector<bool>& fixed);

// A new tensor of the same shape and type.
at::Tensor Normalize(const NormalizationNumbers& numbers, const at::Tensor& inputs);

// The mean of each feature's numbers that are not NaN; 0 if there are none. [features], of inputs
// [n, …].
std::vector<double> FeatureMeans(const at::Tensor& inputs);

// Writes means[f] over the NaNs of feature f.
void FillMissing(const std::vector<double>& means, at::Tensor* inputs);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NORMALIZATION_H_
