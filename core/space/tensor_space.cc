#include "core/space/tensor_space.h"

#include <stdexcept>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/zeros_like.h"
#include "c10/core/MemoryFormat.h"

namespace descent {
namespace {

using BelowAutograd = at::AutoDispatchBelowADInplaceOrView;

void CheckElement(const at::Tensor& x) {
  if (!x.defined() || !x.is_floating_point()) {
    throw std::invalid_argument("a solution must be a defined tensor of floating-point numbers");
  }
}

}  // namespace

at::Tensor Space<at::Tensor>::copy(const at::Tensor& x) {
  CheckElement(x);
  const BelowAutograd guard;
  return x.clone(at::MemoryFormat::Contiguous);
}

at::Tensor Space<at::Tensor>::zeros_like(const at::Tensor& x) {
  CheckElement(x);
  const BelowAutograd guard;
  return at::zeros_like(x, x.options(), at::MemoryFormat::Contiguous);
}

void Space<at::Tensor>::divide(const at::Tensor& x, at::Tensor& y) {
  const BelowAutograd guard;
  y.div_(x);
}

void Space<at::Tensor>::shift(double a, at::Tensor& x) {
  const BelowAutograd guard;
  x.add_(a);
}

}  // namespace descent
