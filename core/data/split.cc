#include "core/data/split.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randperm.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/data/random_seed.h"

namespace descent {

absl::StatusOr<SplitExamples> Split(const Examples& examples, double test_fraction, uint64_t seed) {
  if (!(test_fraction > 0 && test_fraction < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The fraction of test examples is ", test_fraction, ", but must be between 0 and 1."));
  }
  const int64_t n = examples.size();
  const int64_t tests = std::llround(static_cast<double>(n) * test_fraction);
  if (tests == 0 || tests == n) {
    return absl::InvalidArgumentError(
        absl::StrCat("A fraction of ", test_fraction, " of ", n, " examples is ", tests,
                     ": no example would be left for ", tests == 0 ? "testing." : "training."));
  }
  const at::Tensor order =
      at::randperm(n, at::detail::createCPUGenerator(DeriveSeed(seed, "split", 0)), at::kLong);
  const int64_t* drawn = order.const_data_ptr<int64_t>();
  std::vector<bool> is_test(static_cast<size_t>(n));
  for (int64_t i = 0; i < tests; ++i) is_test[static_cast<size_t>(drawn[i])] = true;
  std::vector<int64_t> train_rows;
  std::vector<int64_t> test_rows;
  for (int64_t row = 0; row < n; ++row) {
    (is_test[static_cast<size_t>(row)] ? test_rows : train_rows).push_back(row);
  }
  return SplitExamples{examples.Part(train_rows), examples.Part(test_rows)};
}

}  // namespace descent
