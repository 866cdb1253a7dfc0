// `Batches` are the batches of a run, as a function of the iteration alone: batch k is the one on
// which value and gradient at x_k are taken, so that any iteration can be computed again. There is
// no cursor.
//
// An epoch is ceil(n / batch_size) batches, the last one smaller if batch_size does not divide n,
// or, if that one is dropped, floor(n / batch_size).
//
// On another device than the CPU a batch is copied there, behind what is queued there already and
// without waiting: whoever goes on to the next batch has read a number that was computed from this
// one. The object owns the buffers into which it gathers, and shares the dataset's tensors. One
// thread at a time.
#ifndef DESCENT_CORE_DATA_BATCHES_H_
#define DESCENT_CORE_DATA_BATCHES_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "core/data/batch.h"
#include "core/data/batch_maker.h"
#include "core/data/dataset.h"
#include "core/data/prefetch.h"

namespace descent {

class Batches {
 public:
  // Gives the errors of BatchMaker, and RESOURCE_EXHAUSTED.
  static absl::StatusOr<std::unique_ptr<Batches>> Create(Dataset dataset,
                                                         const BatchOptions& options);

  // Gives the same batches in memory of their own, none made ahead, to look at some without
  // disturbing the run. RESOURCE_EXHAUSTED if there is no memory for them.
  absl::StatusOr<std::unique_ptr<Batches>> Others() const;

  // Gives batch k ≥ 0. The tensors are overwritten by the next call; their addresses stay the same
  // for batches of the same size if the run is shuffled and nothing is made ahead. Throws
  // std::bad_alloc.
  const Batch& At(int64_t k);

  int64_t per_epoch() const { return maker_.per_epoch(); }
  int64_t batch_size() const { return maker_.batch_size(); }
  int64_t examples() const { return maker_.examples(); }
  int64_t samples_per_epoch() const { return maker_.samples_per_epoch(); }

  // How many examples are in the batches 0 .. k−1, which the steps to x_k have consumed.
  int64_t SamplesBefore(int64_t k) const;

 private:
  explicit Batches(BatchMaker maker) : maker_(std::move(maker)) {}

  // Makes them. Throws std::bad_alloc.
  static std::unique_ptr<Batches> Of(BatchMaker maker, int64_t prefetch);

  const Batch& OnCpu(int64_t k);

  BatchMaker maker_;
  BatchMaker::Buffers buffers_;             // if nothing is made ahead
  std::unique_ptr<Prefetcher> prefetcher_;  // it has a maker of its own
  Batch view_;                              // rows of the dataset itself
  BatchMaker::Buffers there_;               // on the device, if that isn't the CPU
  Batch present_;                           // the one of them that is in use
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_BATCHES_H_
