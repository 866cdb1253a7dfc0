#include "core/space/flat_space.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/dot.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "ATen/ops/maximum.h"
#include "core/space/number.h"

namespace descent::flat {
namespace {

// Operations on buffers never belong to a graph, so they go straight to the kernel, below
// autograd's layers.
using BelowAutograd = at::AutoDispatchBelowADInplaceOrView;

void Match(Buffers x, Buffers y) {
  if (x.size() != y.size()) throw std::invalid_argument("the two elements differ in structure");
  for (size_t i = 0; i < x.size(); ++i) {
    if (!x[i].sizes().equals(y[i].sizes())) {
      throw std::invalid_argument("the two elements differ in shape");
    }
    if (x[i].scalar_type() != y[i].scalar_type() || x[i].device() != y[i].device()) {
      throw std::invalid_argument("the two elements differ in dtype or device");
    }
  }
}

// Computes the norm where the squares of finite numbers are beyond the dtype, so that it is finite
// if every number is: in double, divided by the greatest first (Blue 1978). It is not finite only
// if a number is not, or the norm is beyond double.
double NormByGreatest(Buffers x) {
  double greatest = 0;
  for (const at::Tensor& buffer : x) {
    const double part =
        Number(at::linalg_vector_norm(buffer, std::numeric_limits<double>::infinity()));
    if (!(part <= greatest)) greatest = part;  // takes NaN, too
  }
  if (!std::isfinite(greatest) || greatest == 0) return greatest;
  double sum = 0;
  for (const at::Tensor& buffer : x) {
    const double part = Number(at::linalg_vector_norm(buffer.to(at::kDouble).div(greatest)));
    sum += part * part;
  }
  return greatest * std::sqrt(sum);
}

}  // namespace

void assign(Buffers x, Buffers y) {
  Match(x, y);
  const BelowAutograd guard;
  for (size_t i = 0; i < x.size(); ++i) y[i].copy_(x[i]);
}

void scale(double a, Buffers x) {
  const BelowAutograd guard;
  for (const at::Tensor& buffer : x) buffer.mul_(a);
}

void axpy(double a, Buffers x, Buffers y) {
  Match(x, y);
  const BelowAutograd guard;
  for (size_t i = 0; i < x.size(); ++i) y[i].add_(x[i], a);
}

double dot(Buffers x, Buffers y) {
  Match(x, y);
  const BelowAutograd guard;
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += Number(at::dot(x[i].reshape(-1), y[i].reshape(-1)));
  }
  return sum;
}

double norm(Buffers x) {
  const BelowAutograd guard;
  double sum = 0;
  if (x.size() == 1) {
    sum = Number(at::linalg_vector_norm(x[0]));
  } else {
    for (const at::Tensor& buffer : x) {
      const double part = Number(at::linalg_vector_norm(buffer));
      sum += part * part;
    }
    sum = std::sqrt(sum);
  }
  return std::isfinite(sum) ? sum : NormByGreatest(x);
}

void multiply(Buffers x, Buffers y) {
  Match(x, y);
  const BelowAutograd guard;
  for (size_t i = 0; i < x.size(); ++i) y[i].mul_(x[i]);
}

void square_root(Buffers x) {
  const BelowAutograd guard;
  for (const at::Tensor& buffer : x) buffer.sqrt_();
}

void absolute_value(Buffers x) {
  const BelowAutograd guard;
  for (const at::Tensor& buffer : x) buffer.abs_();
}

void signum(Buffers x) {
  const BelowAutograd guard;
  for (const at::Tensor& buffer : x) buffer.sign_();
}

void maximum(Buffers x, Buffers y) {
  Match(x, y);
  const BelowAutograd guard;
  for (size_t i = 0; i < x.size(); ++i) at::maximum_out(const_cast<at::Tensor&>(y[i]), x[i], y[i]);
}

void zero(Buffers x) {
  const BelowAutograd guard;
  for (const at::Tensor& buffer : x) buffer.zero_();
}

}  // namespace descent::flat
