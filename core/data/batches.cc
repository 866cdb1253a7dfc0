#include "core/data/batches.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randperm.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/data/random_seed.h"

namespace descent {
namespace {

at::Tensor EmptyRows(const at::Tensor& like, int64_t rows) {
  std::vector<int64_t> shape = like.sizes().vec();
  shape[0] = rows;
  return at::empty(shape, like.options());
}

// at::index_select_out costs several microseconds and a kernel a row; rows are contiguous bytes.
void GatherRows(const at::Tensor& source, const int64_t* rows, int64_t count, at::Tensor* out) {
  const size_t row_bytes = source.stride(0) * source.element_size();
  const char* from = static_cast<const char*>(source.const_data_ptr());
  char* to = static_cast<char*>(out->data_ptr());
  if (row_bytes == sizeof(int64_t)) {  // classes
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(to + i * sizeof(int64_t), from + rows[i] * sizeof(int64_t), sizeof(int64_t));
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * row_bytes, from + rows[i] * row_bytes, row_bytes);
  }
}

}  // namespace

at::Tensor EpochPermutation(uint64_t seed, int64_t epoch, int64_t n) {
  at::Generator generator =
      at::detail::createCPUGenerator(DeriveSeed(seed, "shuffle", static_cast<uint64_t>(epoch)));
  return at::randperm(n, generator, at::kLong);
}

absl::StatusOr<std::unique_ptr<Batches>> Batches::Create(Dataset dataset, int64_t batch_size,
                                                         bool shuffle, uint64_t seed) {
  if (batch_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("The batch size is ", batch_size, ", but must be at least 1."));
  }
  if (dataset.size() < batch_size) {
    return absl::InvalidArgumentError(absl::StrCat(dataset.targets_path, " holds ", dataset.size(),
                                                   " examples, fewer than a batch of ", batch_size,
                                                   "."));
  }
  try {
    return absl::WrapUnique(new Batches(std::move(dataset), batch_size, shuffle, seed));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("No memory for a batch of ", batch_size, ": ", error.what(), "."));
  }
}

Batches::Batches(Dataset dataset, int64_t batch_size, bool shuffle, uint64_t seed)
    : dataset_(std::move(dataset)),
      batch_size_(batch_size),
      shuffle_(shuffle),
      seed_(seed),
      per_epoch_((dataset_.size() + batch_size - 1) / batch_size) {
  if (!shuffle_) return;
  full_ = {EmptyRows(dataset_.inputs, batch_size), EmptyRows(dataset_.targets, batch_size)};
  const int64_t rest = dataset_.size() % batch_size;
  if (rest != 0) last_ = {EmptyRows(dataset_.inputs, rest), EmptyRows(dataset_.targets, rest)};
}

void Batches::Gather(int64_t first, int64_t rows, Batch* out) const {
  const int64_t* order = order_.const_data_ptr<int64_t>() + first;
  GatherRows(dataset_.inputs, order, rows, &out->inputs);
  GatherRows(dataset_.targets, order, rows, &out->targets);
}

const Batch& Batches::At(int64_t k) {
  const int64_t epoch = k / per_epoch_;
  const int64_t first = (k % per_epoch_) * batch_size_;
  const int64_t rows = std::min(batch_size_, dataset_.size() - first);
  if (!shuffle_) {
    if (per_epoch_ == 1 && view_.inputs.defined()) return view_;
    view_ = {dataset_.inputs.narrow(0, first, rows), dataset_.targets.narrow(0, first, rows)};
    return view_;
  }
  if (epoch != epoch_) {
    order_ = EpochPermutation(seed_, epoch, dataset_.size());
    epoch_ = epoch;
  }
  Batch* out = rows == batch_size_ ? &full_ : &last_;
  Gather(first, rows, out);
  return *out;
}

int64_t Batches::SamplesBefore(int64_t k) const {
  return (k / per_epoch_) * dataset_.size() +
         std::min((k % per_epoch_) * batch_size_, dataset_.size());
}

}  // namespace descent
