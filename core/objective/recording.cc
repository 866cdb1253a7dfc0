#include "core/objective/recording.h"

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/GradMode.h"
#include "core/space/number.h"
#include "torch/csrc/autograd/autograd.h"

namespace descent {
namespace {

// Copies y ← x. Most are small contiguous CPU tensors, for which a dispatch costs more than the
// copy.
void CopyInto(const at::Tensor& x, const at::Tensor& y) {
  if (x.is_cpu() && y.is_cpu() && x.scalar_type() == y.scalar_type() && x.is_contiguous() &&
      y.is_contiguous() && x.sizes().equals(y.sizes())) {
    std::memcpy(y.mutable_data_ptr(), x.const_data_ptr(), x.nbytes());
  } else {
    y.copy_(x);
  }
}

}  // namespace

Recording::Recording(Leaves leaves) : leaves_(leaves), grad_mode_(c10::GradMode::is_enabled()) {
  c10::GradMode::set_enabled(true);
  for (const at::Tensor& leaf : leaves_) leaf.set_requires_grad(true);
}

Recording::~Recording() {
  for (const at::Tensor& leaf : leaves_) leaf.set_requires_grad(false);
  c10::GradMode::set_enabled(grad_mode_);
}

double Recording::Differentiate(const at::Tensor& value, Leaves gradient) {
  if (!value.defined() || value.numel() != 1) {
    throw std::invalid_argument(absl::StrCat(
        "an objective must give one number, but this one gives ",
        value.defined()
            ? absl::StrCat("a tensor of shape [", absl::StrJoin(value.sizes(), ", "), "]")
            : "an undefined tensor"));
  }
  torch::autograd::variable_list derivatives(leaves_.size());
  if (value.requires_grad()) {
    derivatives = torch::autograd::grad({value}, {leaves_.begin(), leaves_.end()}, {},
                                        /*retain_graph=*/std::nullopt, /*create_graph=*/false,
                                        /*allow_unused=*/true);
  }
  const at::AutoDispatchBelowADInplaceOrView guard;
  for (size_t i = 0; i < derivatives.size(); ++i) {
    if (derivatives[i].defined()) {
      CopyInto(derivatives[i], gradient[i]);
    } else {
      gradient[i].zero_();
    }
  }
  return Number(value);
}

}  // namespace descent
