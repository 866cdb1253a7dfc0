#include "core/functions/objective.h"

#include <cstddef>
#include <span>
#include <stdexcept>

#include "ATen/core/Tensor.h"
#include "ATen/ops/from_blob.h"
#include "absl/strings/str_cat.h"

namespace descent {
namespace {

bool IsPlain(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kDouble && x.is_contiguous();
}

}  // namespace

double FunctionObjective::gradient_into(const at::Tensor& x, at::Tensor& g) {
  const auto size = static_cast<size_t>(function_.dimension());
  if (x.numel() != function_.dimension() || g.numel() != x.numel()) {
    throw std::invalid_argument(absl::StrCat(function_.name, " is a function of ", size,
                                             " numbers, but there are ", x.numel()));
  }
  if (IsPlain(x) && IsPlain(g)) {
    return function_.evaluate(std::span(x.const_data_ptr<double>(), size),
                              std::span(g.mutable_data_ptr<double>(), size));
  }
  numbers_.resize(size);
  gradient_.resize(size);
  const at::Tensor numbers = at::from_blob(numbers_.data(), x.sizes(), at::kDouble);
  const at::Tensor gradient = at::from_blob(gradient_.data(), g.sizes(), at::kDouble);
  numbers.copy_(x.detach());
  const double value = function_.evaluate(numbers_, gradient_);
  g.copy_(gradient);
  return value;
}

}  // namespace descent
