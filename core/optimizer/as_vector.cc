#include "core/optimizer/as_vector.h"

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/from_blob.h"
#include "absl/strings/str_cat.h"

namespace descent::internal {
namespace {

int64_t Count(std::span<const at::Tensor> tensors) {
  int64_t count = 0;
  for (const at::Tensor& tensor : tensors) count += tensor.numel();
  return count;
}

// Views the vector's numbers from `begin` on in the tensor's shape.
at::Tensor View(const double* begin, const at::Tensor& tensor) {
  return at::from_blob(const_cast<double*>(begin), tensor.sizes(), at::kDouble);
}

}  // namespace

std::vector<double> Read(std::span<const at::Tensor> tensors) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  std::vector<double> numbers(static_cast<size_t>(Count(tensors)));
  double* next = numbers.data();
  for (const at::Tensor& tensor : tensors) {
    View(next, tensor).copy_(tensor);
    next += tensor.numel();
  }
  return numbers;
}

void Write(std::span<const double> numbers, std::span<const at::Tensor> tensors) {
  const int64_t count = Count(tensors);
  if (static_cast<int64_t>(numbers.size()) != count) {
    throw std::invalid_argument(
        absl::StrCat("the vector has ", numbers.size(), " numbers where the element has ", count));
  }
  const at::AutoDispatchBelowADInplaceOrView guard;
  const double* next = numbers.data();
  for (const at::Tensor& tensor : tensors) {
    tensor.copy_(View(next, tensor));
    next += tensor.numel();
  }
}

}  // namespace descent::internal
