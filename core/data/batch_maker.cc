#include "core/data/batch_maker.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace descent {
namespace {

at::Tensor EmptyRows(const at::Tensor& like, int64_t rows, const at::TensorOptions& options) {
  std::vector<int64_t> shape = like.sizes().vec();
  shape[0] = rows;
  return at::empty(shape, options.dtype(like.scalar_type()));
}

// Examples are contiguous, but may overlap (a text's).
at::Tensor ContiguousRows(const at::Tensor& tensor) {
  return tensor.select(0, 0).is_contiguous() ? tensor : tensor.contiguous();
}

size_t RowBytes(const at::Tensor& tensor) {
  return static_cast<size_t>(tensor.numel() / tensor.size(0)) * tensor.element_size();
}

// It is done by memcpy because at::index_select_out costs several microseconds and a kernel a row;
// rows are contiguous bytes.
void GatherRows(const at::Tensor& source, const int64_t* rows, int64_t count, at::Tensor* out) {
  const size_t row_bytes = RowBytes(source);
  const size_t stride = static_cast<size_t>(source.stride(0)) * source.element_size();
  const char* from = static_cast<const char*>(source.const_data_ptr());
  char* to = static_cast<char*>(out->data_ptr());
  if (row_bytes == sizeof(int64_t)) {  // such as classes
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(to + i * sizeof(int64_t), from + rows[i] * stride, sizeof(int64_t));
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * row_bytes, from + rows[i] * stride, row_bytes);
  }
}

}  // namespace

absl::StatusOr<BatchMaker> BatchMaker::Create(Dataset dataset, const BatchOptions& options) {
  if (options.batch_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("The batch size is ", options.batch_size, ", but must be at least 1."));
  }
  if (dataset.size() < options.batch_size) {
    return absl::InvalidArgumentError(absl::StrCat(dataset.origin.path(), " holds ", dataset.size(),
                                                   " examples, fewer than a batch of ",
                                                   options.batch_size, "."));
  }
  absl::Status pictures = CheckAugmentation(options.augmentation, dataset.inputs);
  if (!pictures.ok()) return pictures;
  absl::StatusOr<Order> order = Order::Create(dataset, options.order, options.seed);
  if (!order.ok()) return order.status();
  dataset.inputs = ContiguousRows(dataset.inputs);
  dataset.targets = ContiguousRows(dataset.targets);
  return BatchMaker(std::move(dataset), options, *std::move(order));
}

BatchMaker::BatchMaker(Dataset dataset, const BatchOptions& options, Order order)
    : dataset_(std::move(dataset)),
      options_(options),
      order_(std::move(order)),
      per_epoch_((dataset_.size() + (options_.drop_last ? 0 : options_.batch_size - 1)) /
                 options_.batch_size),
      samples_per_epoch_(std::min(per_epoch_ * options_.batch_size, dataset_.size())) {}

int64_t BatchMaker::Rows(int64_t k) const {
  return std::min(options_.batch_size, samples_per_epoch_ - First(k));
}

Batch BatchMaker::View(int64_t k) const {
  return {dataset_.inputs.narrow(0, First(k), Rows(k)),
          dataset_.targets.narrow(0, First(k), Rows(k))};
}

BatchMaker::Buffers BatchMaker::MakeBuffers(const at::TensorOptions& options) const {
  Buffers buffers;
  buffers.full = {EmptyRows(dataset_.inputs, options_.batch_size, options),
                  EmptyRows(dataset_.targets, options_.batch_size, options)};
  const int64_t rest = samples_per_epoch_ % options_.batch_size;
  if (rest != 0) {
    buffers.last = {EmptyRows(dataset_.inputs, rest, options),
                    EmptyRows(dataset_.targets, rest, options)};
  }
  return buffers;
}

BatchMaker::Buffers BatchMaker::MakeBuffers() const {
  return MakeBuffers(at::TensorOptions(at::kCPU).pinned_memory(options_.device.is_cuda()));
}

BatchMaker::Buffers BatchMaker::MakeDeviceBuffers() const {
  return MakeBuffers(at::TensorOptions(options_.device));
}

const Batch& BatchMaker::Make(int64_t k, Buffers* buffers) {
  const int64_t epoch = k / per_epoch_;
  const int64_t rows = Rows(k);
  const int64_t* order = order_.Epoch(epoch) + First(k);
  Batch& out = rows == options_.batch_size ? buffers->full : buffers->last;
  GatherRows(dataset_.targets, order, rows, &out.targets);
  if (options_.augmentation.none()) {
    GatherRows(dataset_.inputs, order, rows, &out.inputs);
    return out;
  }
  const at::Tensor& inputs = dataset_.inputs;
  const size_t row_bytes = RowBytes(inputs);
  const int64_t height = inputs.size(-2);
  const int64_t width = inputs.size(-1);
  const int64_t planes = inputs.dim() == 4 ? inputs.size(1) : 1;
  const char* from = static_cast<const char*>(inputs.const_data_ptr());
  char* to = static_cast<char*>(out.inputs.data_ptr());
  for (int64_t i = 0; i < rows; ++i) {
    const PictureChange change = DrawChange(options_.augmentation, options_.seed, epoch, order[i]);
    ChangePicture(change, planes, height, width, static_cast<int64_t>(inputs.element_size()),
                  from + order[i] * row_bytes, to + i * row_bytes);
  }
  return out;
}

}  // namespace descent
