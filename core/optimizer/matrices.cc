// What is done with matrices: Muon's steps, and Adafactor's second moments where factors.cc can't.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/addmm.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "ATen/ops/matmul.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/zeros.h"
#include "core/optimizer/adafactor.h"
#include "core/optimizer/factors.h"
#include "core/optimizer/muon.h"
#include "core/space/number.h"

namespace descent {
namespace {

// Brings all singular values near 1 by X ← a·X + (b·XX' + c·(XX')²)·X (Jordan et al. 2024: the
// coefficients of the steepest such quintic).
at::Tensor NearlyOrthogonal(const at::Tensor& matrix, int64_t iterations, double epsilon) {
  constexpr double kA = 3.4445, kB = -4.775, kC = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  const double norm = Number(at::linalg_vector_norm(matrix));
  at::Tensor x = (tall ? matrix.t() : matrix).div(std::max(norm, epsilon));
  for (int64_t i = 0; i < iterations; ++i) {
    const at::Tensor gram = at::mm(x, x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, kB, kC), x, kA, 1);
  }
  return tall ? x.t() : x;
}

// Gives the mean of the squares along a dimension, which stays.
at::Tensor MeanSquare(const at::Tensor& x, int64_t dimension) {
  const int64_t dimensions[] = {dimension};
  return at::linalg_vector_norm(x, 2, dimensions, /*keepdim=*/true)
      .square_()
      .div_(static_cast<double>(x.size(dimension)));
}

}  // namespace

void Muon::MoveMatrix(const Muon& options, double step_size, const at::Tensor& direction,
                      at::Tensor& x) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const double shape = static_cast<double>(x.size(0)) / static_cast<double>(x.size(1));
  x.add_(NearlyOrthogonal(direction, options.iterations, options.epsilon),
         -step_size * std::sqrt(std::max(1.0, shape)));
}

OwnStatesOf<at::Tensor> Adafactor::OwnStates(const at::Tensor& x) {
  if (x.dim() < 2) return {{"variance", zeros_like(x)}};
  std::vector<int64_t> rows = x.sizes().vec(), columns = rows;
  rows[rows.size() - 1] = 1;
  columns[columns.size() - 2] = 1;
  return {{"row_var", at::zeros(rows, x.options())}, {"col_var", at::zeros(columns, x.options())}};
}

void Adafactor::ScaleByFactors(double weight, double epsilon, at::Tensor& rows, at::Tensor& columns,
                               at::Tensor& gradient) {
  if (factors::Scale(weight, epsilon, rows, columns, gradient)) return;
  const at::AutoDispatchBelowADInplaceOrView guard;
  rows.lerp_(MeanSquare(gradient, -1), weight);
  columns.lerp_(MeanSquare(gradient, -2), weight);
  at::Tensor variance = at::matmul(rows, columns);
  variance.div_(rows.mean(-2, /*keepdim=*/true).clamp_min_(epsilon));
  gradient.mul_(variance.clamp_min_(epsilon * epsilon).rsqrt_());
}

double Adafactor::MachineEpsilon(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kDouble:
      return std::numeric_limits<double>::epsilon();
    case at::kHalf:
      return std::numeric_limits<c10::Half>::epsilon();
    case at::kBFloat16:
      return std::numeric_limits<c10::BFloat16>::epsilon();
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

}  // namespace descent
