#ifndef DESCENT_CORE_DATA_ORDER_H_
#define DESCENT_CORE_DATA_ORDER_H_

// In which order a run goes through its examples: epoch e is a function of (seed, e), and of
// nothing that happened before.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/dataset.h"

namespace descent {

struct OrderOptions {
  // Without replacement: a fresh permutation each epoch. False: as the examples are.
  bool shuffle = true;
  // Each of an epoch's n examples is drawn by itself.
  bool replacement = false;
  // With replacement: each class as often as the others, in expectation.
  bool balanced = false;
  // With replacement: in proportion to Dataset.weights.
  bool weighted = false;
};

// One thread at a time.
class Order {
 public:
  // InvalidArgument, naming the option: balanced or weighted without replacement, or both; balanced
  // without one class per example; weighted without weights, or with nothing but zeros; replacement
  // without shuffle.
  static absl::StatusOr<Order> Create(const Dataset& dataset, const OrderOptions& options,
                                      uint64_t seed);

  // The rows of epoch e ≥ 0: n of them, until the next call. Throws std::bad_alloc.
  const int64_t* Epoch(int64_t epoch);

  // As the examples are: Epoch(e)[i] is i.
  bool identity() const { return !options_.shuffle; }

 private:
  Order(const OrderOptions& options, int64_t examples, uint64_t seed)
      : options_(options), examples_(examples), seed_(seed) {}

  void Draw(int64_t epoch);

  OrderOptions options_;
  int64_t examples_;
  uint64_t seed_;
  std::vector<double> cumulative_;  // weights up to and with each row; empty: all alike
  int64_t epoch_ = -1;              // whose rows these are
  at::Tensor permutation_;
  std::vector<int64_t> drawn_;
};

// The permutation of 0 .. n−1 in epoch `epoch`, int64.
at::Tensor EpochPermutation(uint64_t seed, int64_t epoch, int64_t n);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_ORDER_H_
