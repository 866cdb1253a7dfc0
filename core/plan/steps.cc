#include "core/plan/steps.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/add.h"
#include "ATen/ops/mul.h"
#include "c10/core/ScalarType.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

DESCENT_VECTORIZED void AddOf(const float* a, const float* b, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}
DESCENT_VECTORIZED void AddOf(const double* a, const double* b, int64_t count, double* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

DESCENT_VECTORIZED void MultiplyOf(const float* a, const float* b, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] * b[i];
}
DESCENT_VECTORIZED void MultiplyOf(const double* a, const double* b, int64_t count, double* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] * b[i];
}

void Add(const at::Tensor& a, const at::Tensor& b, at::Tensor y) {
  const bool done = OnCpu(y, [&]<class T>(T*) {
    AddOf(a.const_data_ptr<T>(), b.const_data_ptr<T>(), y.numel(), y.mutable_data_ptr<T>());
  });
  if (!done) at::add_out(y, a, b);
}

void Multiply(const at::Tensor& a, const at::Tensor& b, at::Tensor y) {
  const bool done = OnCpu(y, [&]<class T>(T*) {
    MultiplyOf(a.const_data_ptr<T>(), b.const_data_ptr<T>(), y.numel(), y.mutable_data_ptr<T>());
  });
  if (!done) at::mul_out(y, a, b);
}

// Does nothing if the two share their memory.
void Copy(const at::Tensor& x, const at::Tensor& y) {
  if (x.const_data_ptr() == y.const_data_ptr()) return;
  if (x.is_cpu()) {
    std::memcpy(y.mutable_data_ptr(), x.const_data_ptr(), x.nbytes());
  } else {
    y.copy_(x);
  }
}

// Copies, to `whole` or from it, the part along a dimension from `first` on that is as large as
// `part`.
void CopyPart(const at::Tensor& whole, const at::Tensor& part, int64_t dimension, int64_t first,
              bool to_whole) {
  if (!whole.is_cpu()) {
    const at::Tensor place = whole.narrow(dimension, first, part.size(dimension));
    to_whole ? place.copy_(part) : part.copy_(place);
    return;
  }
  int64_t rows = 1;
  for (int64_t d = 0; d < dimension; ++d) rows *= part.size(d);
  int64_t unit = static_cast<int64_t>(part.element_size());
  for (int64_t d = dimension + 1; d < part.dim(); ++d) unit *= part.size(d);
  const int64_t bytes = unit * part.size(dimension), stride = unit * whole.size(dimension);
  auto* of_whole = static_cast<char*>(whole.mutable_data_ptr()) + unit * first;
  auto* of_part = static_cast<char*>(part.mutable_data_ptr());
  for (int64_t r = 0; r < rows; ++r, of_whole += stride, of_part += bytes) {
    std::memcpy(to_whole ? of_whole : of_part, to_whole ? of_part : of_whole, bytes);
  }
}

// Makes an output that needs a gradient if one of the inputs does.
PlanTensor OutputOf(PlanBuilder& plan, std::vector<int64_t> sizes,
                    const std::vector<PlanTensor>& inputs) {
  PlanTensor needy = inputs.front();
  for (const PlanTensor& input : inputs) {
    if (plan.NeedsGradient(input)) needy = input;
  }
  return plan.Output(std::move(sizes), {needy});
}

}  // namespace

PlanTensor AsRows(PlanBuilder& plan, const PlanTensor& x) {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < x.sizes().size(); ++i) rows *= x.size(i);
  return plan.View(x, {rows, x.sizes().back()});
}

PlanTensor PlanSum(PlanBuilder& plan, const std::vector<PlanTensor>& inputs) {
  PlanTensor y = inputs.front();
  const PlanTensor whole = inputs.size() == 1 ? y : OutputOf(plan, y.sizes(), inputs);
  for (size_t i = 1; i < inputs.size(); ++i) {
    const PlanTensor a = i == 1 ? inputs[0] : whole, b = inputs[i];
    plan.Forward({.reads = {a, b},
                  .writes = {whole},
                  .run = [=] { Add(*a, *b, *whole); },
                  .in_place = i == 1});
  }
  if (inputs.size() == 1) return y;
  const PlanTensor dy = plan.Gradient(whole);
  for (const PlanTensor& input : inputs) {
    const PlanTensor dx = plan.Contribution(input);
    plan.Backward(
        {.reads = {dy}, .writes = {dx}, .run = [=] { Copy(*dy, *dx); }, .in_place = true});
  }
  return whole;
}

PlanTensor PlanProduct(PlanBuilder& plan, const std::vector<PlanTensor>& inputs) {
  if (inputs.size() == 1) return inputs.front();
  const PlanTensor y = OutputOf(plan, inputs.front().sizes(), inputs);
  for (size_t i = 1; i < inputs.size(); ++i) {
    const PlanTensor a = i == 1 ? inputs[0] : y, b = inputs[i];
    plan.Forward({.reads = {a, b}, .writes = {y}, .run = [=] { Multiply(*a, *b, *y); }});
  }
  const PlanTensor dy = plan.Gradient(y);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const PlanTensor dx = plan.Contribution(inputs[i]);
    std::vector<PlanTensor> reads = {dy};
    for (size_t j = 0; j < inputs.size(); ++j) {
      if (j != i) reads.push_back(inputs[j]);
    }
    plan.Backward({.reads = reads, .writes = {dx}, .run = [=] {
                     Multiply(*reads[0], *reads[1], *dx);
                     for (size_t j = 2; j < reads.size(); ++j) Multiply(*dx, *reads[j], *dx);
                   }});
  }
  return y;
}

PlanTensor PlanCast(PlanBuilder& plan, const PlanTensor& x) {
  if (x.dtype() == plan.dtype()) return x;
  const PlanTensor y = plan.Output(x.sizes(), {x});
  plan.Forward({.reads = {x}, .writes = {y}, .run = [=] { y->copy_(*x); }});
  const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
  plan.Backward({.reads = {dy}, .writes = {dx}, .run = [=] { dx->copy_(*dy); }});
  return y;
}

PlanTensor PlanConcat(PlanBuilder& plan, const std::vector<PlanTensor>& inputs, size_t dimension) {
  std::vector<int64_t> sizes = inputs.front().sizes();
  for (size_t i = 1; i < inputs.size(); ++i) sizes[dimension] += inputs[i].size(dimension);
  const bool indices = !c10::isFloatingType(inputs.front().dtype());
  const PlanTensor y = indices ? plan.Scratch(std::move(sizes), inputs.front().dtype())
                               : OutputOf(plan, std::move(sizes), inputs);
  std::vector<int64_t> places = {0};
  for (const PlanTensor& input : inputs) places.push_back(places.back() + input.size(dimension));
  const auto d = static_cast<int64_t>(dimension);
  // One step writes all of it, because a step writes an output in full.
  plan.Forward({.reads = inputs, .writes = {y}, .run = [=] {
                  for (size_t i = 0; i < inputs.size(); ++i) {
                    CopyPart(*y, *inputs[i], d, places[i], /*to_whole=*/true);
                  }
                }});
  const PlanTensor dy = plan.Gradient(y);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const PlanTensor dx = plan.Contribution(inputs[i]);
    plan.Backward({.reads = {dy}, .writes = {dx}, .run = [=, place = places[i]] {
                     CopyPart(*dy, *dx, d, place, /*to_whole=*/false);
                   }});
  }
  return y;
}

}  // namespace descent
