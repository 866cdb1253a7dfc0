// Splits one source into training and test data. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_SPLIT_H_
#define DESCENT_CORE_DATA_SPLIT_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/examples.h"

namespace descent {

struct SplitExamples {
  Examples train;
  Examples test;
};

// The test data are round(n·test_fraction) examples, drawn as a function of (n, seed); in both
// parts the examples keep their order. If stratified, each class has its share in both, as far as
// whole numbers allow. INVALID_ARGUMENT: the fraction is not in (0, 1), one part would be empty,
// or, stratified, the targets are no classes or a class has one example alone.
absl::StatusOr<SplitExamples> Split(const Examples& examples, double test_fraction, uint64_t seed,
                                    bool stratified = false);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SPLIT_H_
