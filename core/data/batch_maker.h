// A `BatchMaker` writes the examples of a batch one after the other, in the run's order, changed if
// they are pictures that are to be. Batch k is a function of (options, k). One thread at a time.
#ifndef DESCENT_CORE_DATA_BATCH_MAKER_H_
#define DESCENT_CORE_DATA_BATCH_MAKER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "c10/core/TensorOptions.h"
#include "core/data/augmentation.h"
#include "core/data/batch.h"
#include "core/data/dataset.h"
#include "core/data/order.h"

namespace descent {

struct BatchOptions {
  int64_t batch_size = 64;
  OrderOptions order = {};
  Augmentation augmentation = {};
  bool drop_last = false;  // leaves out an epoch's last batch, if it is smaller
  uint64_t seed = 0;
  // So many batches are made ahead by a thread of its own; 0 means no thread. The bits are the same
  // either way.
  int64_t prefetch = 0;
  // The device where the batches are needed.
  at::Device device = at::kCPU;
};

class BatchMaker {
 public:
  // Memory for a batch of each size, because an epoch's last one may be smaller. It is on the CPU;
  // where another device needs the batches, it is such that the device can fetch them while the CPU
  // goes on.
  struct Buffers {
    Batch full;
    Batch last;
  };

  // Gives INVALID_ARGUMENT for batch_size < 1, or fewer examples than a batch, and the errors of
  // Order and CheckAugmentation.
  static absl::StatusOr<BatchMaker> Create(Dataset dataset, const BatchOptions& options);

  // True if nothing has to be written, because batches are rows of the dataset itself.
  bool views() const { return order_.identity() && options_.augmentation.none(); }
  Batch View(int64_t k) const;

  Buffers MakeBuffers() const;
  // Writes batch k into one of the buffers, which is returned. Throws std::bad_alloc.
  const Batch& Make(int64_t k, Buffers* buffers);

  // Makes buffers on the device, without the numbers.
  Buffers MakeDeviceBuffers() const;

  int64_t examples() const { return dataset_.size(); }
  at::Device device() const { return options_.device; }
  int64_t batch_size() const { return options_.batch_size; }
  int64_t per_epoch() const { return per_epoch_; }
  int64_t samples_per_epoch() const { return samples_per_epoch_; }

 private:
  BatchMaker(Dataset dataset, const BatchOptions& options, Order order);

  Buffers MakeBuffers(const at::TensorOptions& options) const;
  int64_t First(int64_t k) const { return k % per_epoch_ * options_.batch_size; }
  int64_t Rows(int64_t k) const;

  Dataset dataset_;
  BatchOptions options_;
  Order order_;
  int64_t per_epoch_;
  int64_t samples_per_epoch_;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_BATCH_MAKER_H_
