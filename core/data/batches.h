#ifndef DESCENT_CORE_DATA_BATCHES_H_
#define DESCENT_CORE_DATA_BATCHES_H_

// The batches of a run, as a function of the iteration alone: batch k is the one on which value and
// gradient at x_k are taken, so that any iteration can be computed again. There is no cursor.
//
// An epoch is one pass: ceil(n / batch_size) batches, the last one smaller if batch_size does not
// divide n. Shuffled, epoch e goes through the permutation that is a function of (seed, e).
//
// Owns two buffers into which it gathers; shares the dataset's tensors. One thread at a time.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/data/batch.h"
#include "core/data/dataset.h"

namespace descent {

class Batches {
 public:
  // InvalidArgument: batch_size < 1, or fewer examples than a batch.
  static absl::StatusOr<std::unique_ptr<Batches>> Create(Dataset dataset, int64_t batch_size,
                                                         bool shuffle, uint64_t seed);

  // Batch k ≥ 0. The tensors are overwritten by the next call; their addresses stay the same for
  // batches of the same size if the run is shuffled.
  const Batch& At(int64_t k);

  int64_t per_epoch() const { return per_epoch_; }
  int64_t batch_size() const { return batch_size_; }
  int64_t examples() const { return dataset_.size(); }

  // Examples in the batches 0 .. k−1: those that the steps to x_k have consumed.
  int64_t SamplesBefore(int64_t k) const;

 private:
  Batches(Dataset dataset, int64_t batch_size, bool shuffle, uint64_t seed);
  void Gather(int64_t first, int64_t rows, Batch* out) const;

  const Dataset dataset_;
  const int64_t batch_size_;
  const bool shuffle_;
  const uint64_t seed_;
  const int64_t per_epoch_;
  int64_t epoch_ = -1;  // whose permutation order_ is
  at::Tensor order_;
  Batch full_;
  Batch last_;  // the smaller one at an epoch's end
  Batch view_;  // not shuffled: rows of the dataset itself
};

// The permutation of 0 .. n−1 in epoch `epoch`, int64.
at::Tensor EpochPermutation(uint64_t seed, int64_t epoch, int64_t n);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_BATCHES_H_
