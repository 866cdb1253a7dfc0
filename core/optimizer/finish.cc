// What LAMB and Muon do for each parameter by itself.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/addmm.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "ATen/ops/mm.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/muon.h"
#include "core/space/number.h"

namespace descent {
namespace {

double Norm(const at::Tensor& x) { return Number(at::linalg_vector_norm(x)); }

// X ← a·X + (b·XX' + c·(XX')²)·X brings all singular values near 1 (Jordan et al. 2024: the
// coefficients of the steepest such quintic).
at::Tensor NearlyOrthogonal(const at::Tensor& matrix, int64_t iterations, double epsilon) {
  constexpr double kA = 3.4445, kB = -4.775, kC = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = (tall ? matrix.t() : matrix).div(std::max(Norm(matrix), epsilon));
  for (int64_t i = 0; i < iterations; ++i) {
    const at::Tensor gram = at::mm(x, x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, kB, kC), x, kA, 1);
  }
  return tall ? x.t() : x;
}

}  // namespace

void Lamb::Finish(const Present<Lamb>& now, const at::Tensor& x,
                  std::span<const at::Tensor> states) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const double length = Norm(x), direction = Norm(states[2]);
  const double ratio = length > 0 && direction > 0 ? length / direction : 1;
  x.add_(states[2], -now[&Lamb::step_size] * ratio);
}

void Muon::Finish(const Present<Muon>& now, const at::Tensor& x,
                  std::span<const at::Tensor> states) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const at::Tensor& direction = states[1];
  const double step_size = now[&Muon::step_size];
  if (x.dim() == 2) {
    const double shape = static_cast<double>(x.size(0)) / static_cast<double>(x.size(1));
    x.add_(NearlyOrthogonal(direction, now->iterations, now->epsilon),
           -step_size * std::sqrt(std::max(1.0, shape)));
  } else {
    const double size = std::sqrt(static_cast<double>(std::max<int64_t>(x.numel(), 1)));
    x.add_(direction,
           -step_size * now->vector_ratio * size / std::max(Norm(direction), now->epsilon));
  }
}

}  // namespace descent
