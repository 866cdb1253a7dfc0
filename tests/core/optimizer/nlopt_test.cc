// Tests an optimizer of somebody else's on our models and objectives: NLopt's L-BFGS, which knows
// vectors only.
#include <cmath>
#include <nlopt.hpp>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/IListRef.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/linalg_lstsq.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/mse_loss.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/optimizer/as_vector.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

// Gives where NLopt's L-BFGS ends that begins at x0.
template <class X, class F>
X Minimize(const F& objective, const X& x0) {
  struct Problem {
    const F& objective;
    X x;
  } problem{objective, copy(x0)};
  std::vector<double> numbers = ToVector(x0);
  nlopt::opt optimizer(nlopt::LD_LBFGS, static_cast<unsigned>(numbers.size()));
  optimizer.set_min_objective(
      [](const std::vector<double>& at, std::vector<double>& slope, void* data) {
        auto& [f, x] = *static_cast<Problem*>(data);
        FromVector(at, x);
        const auto [gradient, value] = descent::gradient(f, x);
        if (!slope.empty()) slope = ToVector(gradient);
        return value;
      },
      &problem);
  optimizer.set_ftol_rel(1e-15);
  optimizer.set_maxeval(500);
  double least = 0;
  try {
    optimizer.optimize(numbers, least);
  } catch (const nlopt::roundoff_limited&) {
    // It is as near as numbers get.
  }
  FromVector(numbers, problem.x);
  return std::move(problem.x);
}

struct Line {
  at::Tensor weight, bias;
  void fields(Fields& list) { list("weight", weight)("bias", bias); }
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

TEST(NloptTest, MinimizesAnObjectiveOverAModel) {
  at::Generator generator = at::detail::createCPUGenerator(5);
  const at::Tensor x = at::randn({40, 3}, generator, at::kDouble);
  const at::Tensor y = at::randn({40, 1}, generator, at::kDouble);
  const ModelOf x0(Line{at::zeros({1, 3}, at::kDouble), at::zeros({1}, at::kDouble)});
  const ModelOf<Line> found =
      Minimize([&](const ModelOf<Line>& model) { return at::mse_loss(model(x), y); }, x0);

  // The solution is that of least squares with a column of ones.
  const at::Tensor solution =
      std::get<0>(at::linalg_lstsq(at::cat({x, at::ones({40, 1}, at::kDouble)}, 1), y));
  const at::Tensor weight = solution.narrow(0, 0, 3).t(), bias = solution[3];
  EXPECT_LE(norm(at::Tensor(found->weight - weight)), 1e-6 * norm(weight));
  EXPECT_LE(norm(at::Tensor(found->bias - bias)), 1e-6);
  EXPECT_EQ(norm(x0), 0);
}

TEST(NloptTest, MinimizesRosenbrockOnATensor) {
  const at::Tensor found = Minimize(
      [](const at::Tensor& x) {
        return 100 * (x[1] - x[0].square()).square() + (1 - x[0]).square();
      },
      at::tensor({-1.2, 1.0}, at::kDouble));
  EXPECT_NEAR(found[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(found[1].item<double>(), 1, 1e-6);
}

TEST(AsVectorTest, IsTheParametersInOrderWithoutGaps) {
  ModelOf model(
      Line{at::tensor({1.0, 2.0, 3.0}, at::kFloat).unsqueeze(0), 4 * at::ones({1}, at::kFloat)});
  EXPECT_EQ(ToVector(model), (std::vector<double>{1, 2, 3, 4}));
  FromVector(std::vector<double>{5, 6, 7, 8}, model);
  EXPECT_EQ(ToVector(model), (std::vector<double>{5, 6, 7, 8}));
  EXPECT_NEAR(norm(model), std::sqrt(25 + 36 + 49 + 64), 1e-5);
  EXPECT_THROW(FromVector(std::vector<double>{1}, model), std::invalid_argument);
}

}  // namespace
}  // namespace descent
