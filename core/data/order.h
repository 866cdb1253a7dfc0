// An `Order` is in which order a run goes through its examples: epoch e is a function of (seed, e),
// and of nothing that happened before.
#ifndef DESCENT_CORE_DATA_ORDER_H_
#define DESCENT_CORE_DATA_ORDER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/dataset.h"

namespace descent {

struct OrderOptions {
  // Without replacement there is a fresh permutation each epoch. If false, the order is that of the
  // examples.
  bool shuffle = true;
  // True if each of an epoch's n examples is drawn by itself.
  bool replacement = false;
  // With replacement: each class comes as often as the others, in expectation.
  bool balanced = false;
  // With replacement: examples come in proportion to Dataset.weights.
  bool weighted = false;
};

// One thread at a time.
class Order {
 public:
  // Gives INVALID_ARGUMENT, naming the option: balanced or weighted without replacement, or both;
  // balanced without one class per example; weighted without weights, or with nothing but zeros;
  // replacement without shuffle.
  static absl::StatusOr<Order> Create(const Dataset& dataset, const OrderOptions& options,
                                      uint64_t seed);

  // Gives the n rows of epoch e ≥ 0, which stay until the next call. Throws std::bad_alloc.
  const int64_t* Epoch(int64_t epoch);

  // True if the order is that of the examples: Epoch(e)[i] is i.
  bool identity() const { return !options_.shuffle; }

 private:
  Order(const OrderOptions& options, int64_t examples, uint64_t seed)
      : options_(options), examples_(examples), seed_(seed) {}

  void Draw(int64_t epoch);

  OrderOptions options_;
  int64_t examples_;
  uint64_t seed_;
  std::vector<double> cumulative_;  // the sum of weights up to and with each row; empty: all alike
  int64_t epoch_ = -1;              // the epoch whose rows these are
  at::Tensor permutation_;
  std::vector<int64_t> drawn_;
};

// Gives the permutation of 0 .. n−1 in epoch `epoch`, int64.
at::Tensor EpochPermutation(uint64_t seed, int64_t epoch, int64_t n);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_ORDER_H_
