#include "core/data/split.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randperm.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/data/random_seed.h"

namespace descent {

namespace {

// Gives, for each class, how many examples are for testing: its share of `tests`, rounded so that
// the sum is right (the greatest remainders are rounded up, of equal ones the first classes').
std::map<int64_t, int64_t> Quotas(const std::map<int64_t, int64_t>& sizes, int64_t tests,
                                  int64_t n) {
  std::map<int64_t, int64_t> quotas;
  std::vector<std::pair<double, int64_t>> remainders;
  int64_t left = tests;
  for (const auto& [of, size] : sizes) {
    const double share =
        static_cast<double>(size) * static_cast<double>(tests) / static_cast<double>(n);
    quotas[of] = static_cast<int64_t>(share);
    left -= quotas[of];
    remainders.emplace_back(static_cast<double>(quotas[of]) - share, of);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (int64_t i = 0; i < left; ++i) ++quotas[remainders[static_cast<size_t>(i)].second];
  return quotas;
}

// Gives one class for each example.
absl::StatusOr<std::vector<int64_t>> Classes(const Examples& examples) {
  const at::Tensor numbers = examples.targets.to(at::kDouble).contiguous();
  if (numbers.numel() != examples.size() || !numbers.eq(numbers.trunc()).all().item<bool>()) {
    return absl::InvalidArgumentError(
        "A split can only be stratified by classes, one for each example.");
  }
  const double* first = numbers.const_data_ptr<double>();
  return std::vector<int64_t>(first, first + numbers.numel());
}

absl::StatusOr<std::vector<bool>> DrawStratified(const Examples& examples, const int64_t* order,
                                                 int64_t tests) {
  const absl::StatusOr<std::vector<int64_t>> classes = Classes(examples);
  if (!classes.ok()) return classes.status();
  std::map<int64_t, int64_t> sizes;
  for (const int64_t of : *classes) ++sizes[of];
  for (const auto& [of, size] : sizes) {
    if (size >= 2) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "The class ", of, " has one example alone, so it can't be in both parts of the split."));
  }
  std::map<int64_t, int64_t> quotas = Quotas(sizes, tests, examples.size());
  std::vector<bool> is_test(classes->size());
  for (size_t i = 0; i < classes->size(); ++i) {
    const auto row = static_cast<size_t>(order[i]);
    int64_t& quota = quotas[(*classes)[row]];
    is_test[row] = quota > 0;
    if (quota > 0) --quota;
  }
  return is_test;
}

}  // namespace

absl::StatusOr<SplitExamples> Split(const Examples& examples, double test_fraction, uint64_t seed,
                                    bool stratified) {
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
  if (stratified) {
    absl::StatusOr<std::vector<bool>> of_classes = DrawStratified(examples, drawn, tests);
    if (!of_classes.ok()) return of_classes.status();
    is_test = *std::move(of_classes);
  }
  std::vector<int64_t> train_rows;
  std::vector<int64_t> test_rows;
  for (int64_t row = 0; row < n; ++row) {
    (is_test[static_cast<size_t>(row)] ? test_rows : train_rows).push_back(row);
  }
  return SplitExamples{examples.Part(train_rows), examples.Part(test_rows)};
}

}  // namespace descent
