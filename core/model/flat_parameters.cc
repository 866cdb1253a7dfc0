#include "core/model/flat_parameters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"
#include "c10/core/TensorOptions.h"
#include "core/model/fields.h"

namespace descent {
namespace {

using BelowAutograd = at::AutoDispatchBelowADInplaceOrView;

constexpr int64_t kAlignment = 64;  // bytes: a cache line, and AVX-512's vector

[[noreturn]] void Refuse(const Fields::Field& field, const char* problem) {
  throw std::invalid_argument(absl::StrCat("field `", field.name, "` ", problem));
}

}  // namespace

struct FlatParameters::Layout {
  struct Entry {
    std::string name;
    std::vector<int64_t> sizes, strides;
    size_t buffer;
    int64_t offset;  // in elements
    int64_t count;
    bool operator==(const Entry&) const = default;
  };
  struct Buffer {
    at::TensorOptions options;
    int64_t size = 0;  // in elements, gaps included
    bool operator==(const Buffer& other) const {
      return size == other.size && options.dtype() == other.options.dtype() &&
             options.device() == other.options.device();
    }
  };

  std::vector<Entry> entries;
  std::vector<Buffer> buffers;

  // For each buffer, true where no parameter is. It is made when it is first needed.
  const std::vector<at::Tensor>& Gaps() const {
    std::call_once(gaps_once_, [this] {
      for (const Buffer& buffer : buffers) {
        gaps_.push_back(at::zeros({buffer.size}, buffer.options.dtype(at::kBool)).fill_(true));
      }
      for (const Entry& entry : entries) {
        gaps_[entry.buffer].narrow(0, entry.offset, entry.count).fill_(false);
      }
    });
    return gaps_;
  }

 private:
  mutable std::once_flag gaps_once_;
  mutable std::vector<at::Tensor> gaps_;
};

FlatParameters FlatParameters::Gather(const FieldList& fields) {
  for (const Fields::Field& field : fields) {
    if (field.tensor->defined() && !field.tensor->is_floating_point()) {
      Refuse(field, "is not floating point, so it can't be trained");
    }
  }
  if (fields.empty()) throw std::invalid_argument("the model lists no fields");
  return LayOut(fields);
}

FlatParameters FlatParameters::GatherStates(const FieldList& fields) { return LayOut(fields); }

FlatParameters FlatParameters::LayOut(const FieldList& fields) {
  const BelowAutograd guard;
  auto layout = std::make_shared<Layout>();
  std::set<std::string> names;
  std::set<const void*> tensors;
  for (const Fields::Field& field : fields) {
    if (!field.tensor->defined()) {
      Refuse(field, "is an undefined tensor; give it a shape and values first");
    }
    if (!names.insert(field.name).second) {
      throw std::invalid_argument(absl::StrCat("two fields are called `", field.name, "`"));
    }
    if (!tensors.insert(field.tensor->unsafeGetTensorImpl()).second) {
      throw std::invalid_argument(absl::StrCat("field `", field.name,
                                               "` is the same tensor as an earlier field; list a "
                                               "shared tensor once"));
    }
    const at::TensorOptions options =
        at::TensorOptions().dtype(field.tensor->dtype()).device(field.tensor->device());
    size_t buffer = 0;
    while (buffer < layout->buffers.size() &&
           !(layout->buffers[buffer].options.dtype() == options.dtype() &&
             layout->buffers[buffer].options.device() == options.device())) {
      ++buffer;
    }
    if (buffer == layout->buffers.size()) layout->buffers.push_back({options});
    Layout::Entry entry{field.name, field.tensor->sizes().vec(),  {},
                        buffer,     layout->buffers[buffer].size, field.tensor->numel()};
    entry.strides.resize(entry.sizes.size());
    int64_t stride = 1;
    for (size_t i = entry.sizes.size(); i-- > 0; stride *= entry.sizes[i]) {
      entry.strides[i] = stride;
    }
    const int64_t unit = kAlignment / static_cast<int64_t>(options.dtype().itemsize());
    layout->buffers[buffer].size += (entry.count + unit - 1) / unit * unit;
    layout->entries.push_back(std::move(entry));
  }

  FlatParameters parameters;
  for (const Layout::Buffer& buffer : layout->buffers) {
    parameters.buffers_.push_back(at::zeros({buffer.size}, buffer.options));
  }
  parameters.layout_ = std::move(layout);
  std::vector<at::Tensor> values;
  for (const Fields::Field& field : fields) values.push_back(*field.tensor);
  parameters.Bind(fields);
  for (size_t i = 0; i < values.size(); ++i) parameters.tensors_[i].copy_(values[i]);
  return parameters;
}

FlatParameters FlatParameters::Clone(const FieldList& fields) const {
  const BelowAutograd guard;
  FlatParameters parameters;
  parameters.layout_ = layout_;
  for (const at::Tensor& buffer : buffers_) parameters.buffers_.push_back(buffer.clone());
  parameters.Bind(fields);
  return parameters;
}

FlatParameters FlatParameters::ZerosLike(const FieldList& fields) const {
  const BelowAutograd guard;
  FlatParameters parameters;
  parameters.layout_ = layout_;
  for (const at::Tensor& buffer : buffers_) parameters.buffers_.push_back(at::zeros_like(buffer));
  parameters.Bind(fields);
  return parameters;
}

FlatParameters FlatParameters::To(at::ScalarType dtype, const FieldList& fields) const {
  const BelowAutograd guard;
  auto layout = std::make_shared<Layout>();
  layout->entries = layout_->entries;
  layout->buffers = layout_->buffers;
  for (Layout::Buffer& buffer : layout->buffers) buffer.options = buffer.options.dtype(dtype);
  FlatParameters parameters;
  parameters.layout_ = std::move(layout);
  for (const at::Tensor& buffer : buffers_) parameters.buffers_.push_back(buffer.to(dtype));
  parameters.Bind(fields);
  return parameters;
}

void FlatParameters::Bind(const FieldList& fields) {
  // A view made below autograd is a plain tensor on the same memory: it can become a leaf.
  const BelowAutograd guard;
  const auto& entries = layout_->entries;
  if (entries.size() != fields.size()) {
    throw std::invalid_argument("a copy of the model's structure lists other fields than it");
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const Layout::Entry& entry = entries[i];
    if (entry.name != fields[i].name) {
      throw std::invalid_argument(absl::StrCat("a copy of the model's structure lists `",
                                               fields[i].name, "` in place of `", entry.name, "`"));
    }
    at::Tensor view = buffers_[entry.buffer].as_strided(entry.sizes, entry.strides, entry.offset);
    *fields[i].tensor = view;
    tensors_.push_back(view);
    views_.push_back({entry.name, std::move(view)});
  }
}

int64_t FlatParameters::count() const {
  int64_t count = 0;
  for (const at::Tensor& tensor : tensors_) count += tensor.numel();
  return count;
}

bool FlatParameters::SameLayout(const LayoutId& other) const {
  if (layout_ == other) return true;
  if (!layout_ || !other) return false;
  return layout_->entries == other->entries && layout_->buffers == other->buffers;
}

void FlatParameters::Shift(double a) const {
  const BelowAutograd guard;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    buffers_[i].add_(a).masked_fill_(layout_->Gaps()[i], 0);
  }
}

void FlatParameters::Divide(const FlatParameters& divisor) const {
  const BelowAutograd guard;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    buffers_[i].div_(divisor.buffers_[i].masked_fill(layout_->Gaps()[i], 1));
  }
}

}  // namespace descent
