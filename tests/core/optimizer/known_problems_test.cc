// Tests optimizers on problems with a known answer, in float64 unless said.
#include <cmath>
#include <cstdint>
#include <functional>
#include <ranges>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/diag.h"
#include "ATen/ops/eye.h"
#include "ATen/ops/linalg_eigvalsh.h"
#include "ATen/ops/linalg_qr.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/linspace.h"
#include "ATen/ops/mse_loss.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/pow.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "core/model/model.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/nesterov.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

// This is f(x) = ½x'Qx + q'x. `Excess` is f(x) − f*, without cancellation.
struct Quadratic {
  at::Tensor q_matrix, q_vector, minimizer;
  double lipschitz;

  at::Tensor operator()(const at::Tensor& x) const {
    return 0.5 * x.dot(q_matrix.mv(x)) + q_vector.dot(x);
  }
  double Excess(const at::Tensor& x) const {
    const at::Tensor distance = x - minimizer;
    return 0.5 * distance.dot(q_matrix.mv(distance)).item<double>();
  }
  double Minimum() const { return (*this)(minimizer).item<double>(); }
};

Quadratic Simple() {
  at::Tensor diagonal = at::ones({10}, at::kDouble);
  diagonal[0] = 10.0;
  diagonal[1] = 0.1;
  const at::Tensor q = at::arange(1, 11, at::kDouble);
  return {at::diag(diagonal), q, -q / diagonal, 10};
}

// Its eigenvalues go from 1/condition to 1, evenly spaced in the exponent, in a random basis.
Quadratic IllConditioned(double condition) {
  constexpr int64_t kDimension = 50;
  at::Generator generator = at::detail::createCPUGenerator(5);
  const at::Tensor basis =
      std::get<0>(at::linalg_qr(at::randn({kDimension, kDimension}, generator, at::kDouble)));
  const at::Tensor eigenvalues = at::pow(condition, at::linspace(-1, 0, kDimension, at::kDouble));
  const at::Tensor matrix = basis.mm(at::diag(eigenvalues)).mm(basis.t());
  const at::Tensor minimizer = at::randn({kDimension}, generator, at::kDouble);
  return {(matrix + matrix.t()) / 2, -matrix.mv(minimizer), minimizer, 1};
}

// Begins at 0, and fails unless f(x_k) − f* keeps to the bound at every k ≤ last.
template <class Optimizer>
void ExpectBound(const Quadratic& problem, const Optimizer& optimizer, int64_t last,
                 const std::function<double(double)>& bound) {
  const double scale = problem.lipschitz * problem.minimizer.dot(problem.minimizer).item<double>();
  const at::Tensor x0 = at::zeros_like(problem.minimizer);
  for (const auto& it : optimizer(x0, problem) | std::views::take(last + 1)) {
    if (it.index == 0) continue;
    ASSERT_LE(problem.Excess(it.solution), scale * bound(static_cast<double>(it.index)) + 1e-12)
        << "at iteration " << it.index;
  }
}

double GradientBound(double k) { return 1 / (2 * k); }
double AcceleratedBound(double k) { return 2 / ((k + 1) * (k + 1)); }

TEST(KnownProblemsTest, TheSimpleQuadraticIsWhatItIsSaidToBe) {
  const Quadratic problem = Simple();
  EXPECT_NEAR(problem.Minimum(), -210.05, 1e-10);
  EXPECT_NEAR(problem.minimizer.dot(problem.minimizer).item<double>(), 780.01, 1e-10);
}

TEST(KnownProblemsTest, GradientDescentKeepsToItsBound) {
  ExpectBound(Simple(), GradientDescent{.step_size = 0.1}, 200, GradientBound);
  ExpectBound(IllConditioned(1e3), GradientDescent{.step_size = 1}, 2000, GradientBound);
  ExpectBound(IllConditioned(1e4), GradientDescent{.step_size = 1}, 2000, GradientBound);
}

TEST(KnownProblemsTest, NesterovKeepsToTheAcceleratedBound) {
  ExpectBound(Simple(), Nesterov{.step_size = 0.1}, 200, AcceleratedBound);
  ExpectBound(IllConditioned(1e3), Nesterov{.step_size = 1}, 2000, AcceleratedBound);
  ExpectBound(IllConditioned(1e4), Nesterov{.step_size = 1}, 2000, AcceleratedBound);
}

TEST(KnownProblemsTest, NesterovShowsValueAndGradientOfTheExtrapolatedPoint) {
  const Quadratic problem = Simple();
  at::Tensor previous = at::zeros({10}, at::kDouble), y = previous.clone();
  double t = 1;
  for (const auto& it : Nesterov{.step_size = 0.1}(previous, problem) | std::views::take(30)) {
    EXPECT_NEAR(it.value, problem(y).item<double>(), 1e-9) << it.index;
    const at::Tensor gradient = problem.q_matrix.mv(y) + problem.q_vector;
    EXPECT_LE(norm(it.gradient - gradient), 1e-10 * norm(gradient) + 1e-12) << it.index;
    EXPECT_LE(norm(it.solution - previous), 1e-10) << it.index;
    const at::Tensor x = y - 0.1 * gradient;
    const double next = (1 + std::sqrt(1 + 4 * t * t)) / 2;
    y = x + (t - 1) / next * (x - previous);
    previous = x;
    t = next;
  }
}

template <class Optimizer>
void ExpectNearMinimum(const Optimizer& optimizer) {
  const Quadratic problem = Simple();
  for (const auto& it : optimizer(at::zeros({10}, at::kDouble), problem) | std::views::take(1001)) {
    if (it.index < 1000) continue;
    EXPECT_LE(problem.Excess(it.solution), 0.01 * std::abs(problem.Minimum()));
  }
}

TEST(KnownProblemsTest, HeavyBallAndAdamComeNearTheMinimum) {
  ExpectNearMinimum(HeavyBall{.step_size = 0.1, .momentum = 0.5});
  ExpectNearMinimum(Adam{.step_size = 0.1});
}

struct Regression {
  at::Tensor weight, bias;
  void fields(Fields& list) { list("weight", weight)("bias", bias); }
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

class LinearRegressionTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  template <class MakeOptimizer>
  void ExpectRightWeights(MakeOptimizer make) {
    constexpr int64_t kExamples = 5000;
    const auto options = at::TensorOptions().dtype(GetParam());
    at::Generator generator = at::detail::createCPUGenerator(11);
    const at::Tensor x = at::randn({kExamples, 10}, generator, options);
    const at::Tensor truth = at::randn({1, 10}, generator, options);
    const at::Tensor y = x.mm(truth.t()) + 0.1 * at::randn({kExamples, 1}, generator, options);
    const double lipschitz = 2 * at::linalg_eigvalsh(x.t().mm(x)).max().item<double>() / kExamples;
    const ModelOf x0(Regression{at::zeros({1, 10}, options), at::zeros({1}, options)});
    const auto objective = [&](const ModelOf<Regression>& model) {
      return at::mse_loss(model(x), y);
    };
    for (const auto& it : make(1 / lipschitz)(x0, objective) | std::views::take(1001)) {
      if (it.index < 1000) continue;
      EXPECT_LE(((it.solution->weight - truth) / truth).abs().max().template item<double>(), 5e-2);
      EXPECT_NEAR(it.value, 0.01, 1e-3);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Dtypes, LinearRegressionTest, testing::Values(at::kFloat, at::kDouble));

TEST_P(LinearRegressionTest, GradientDescentFindsTheWeights) {
  ExpectRightWeights([](double step) { return GradientDescent{.step_size = step}; });
}
TEST_P(LinearRegressionTest, HeavyBallFindsTheWeights) {
  ExpectRightWeights([](double step) { return HeavyBall{.step_size = step, .momentum = 0.5}; });
}
TEST_P(LinearRegressionTest, NesterovFindsTheWeights) {
  ExpectRightWeights([](double step) { return Nesterov{.step_size = step}; });
}

}  // namespace
}  // namespace descent
