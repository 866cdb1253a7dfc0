// Step by step what torch.optim does (tests/data/optimizer_trajectories.py), float64.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/mse_loss.h"
#include "ATen/ops/tanh.h"
#include "ATen/ops/zeros.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

constexpr double kTolerance = 1e-10;

std::map<std::string, at::Tensor> ReadReference() {
  std::map<std::string, at::Tensor> tensors;
  std::ifstream file("tests/data/optimizer_trajectories.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name, shape_text;
    words >> name >> shape_text;
    std::replace(shape_text.begin(), shape_text.end(), ',', ' ');
    std::istringstream sizes(shape_text);
    std::vector<int64_t> shape;
    for (int64_t size = 0; sizes >> size;) shape.push_back(size);
    at::Tensor tensor = at::empty(shape, at::kDouble);
    double* numbers = tensor.mutable_data_ptr<double>();
    for (int64_t i = 0; i < tensor.numel(); ++i) words >> numbers[i];
    tensors.emplace(name, tensor);
  }
  return tensors;
}

struct Mlp {
  at::Tensor weight1, bias1, weight2, bias2;
  void fields(Fields& list) {
    list("weight1", weight1)("bias1", bias1)("weight2", weight2)("bias2", bias2);
  }
  at::Tensor operator()(const at::Tensor& x) const {
    return at::linear(at::tanh(at::linear(x, weight1, bias1)), weight2, bias2);
  }
};

class TrajectoriesTest : public testing::Test {
 protected:
  const at::Tensor& Reference(const std::string& name) const {
    const auto found = reference_.find(name);
    if (found == reference_.end()) throw std::out_of_range("no reference " + name);
    return found->second;
  }

  // Compares where the reference has the step; returns how many tensors that were.
  int Compare(const std::string& prefix, int64_t step, const std::string& name,
              const at::Tensor& tensor) const {
    const auto found = reference_.find(prefix + "/" + std::to_string(step) + "/" + name);
    if (found == reference_.end()) return 0;
    EXPECT_LE(norm(tensor - found->second), kTolerance * norm(found->second)) << found->first;
    return 1;
  }

  template <class Optimizer>
  void ExpectMlp(const std::string& optimizer_name, const Optimizer& optimizer) {
    const ModelOf x0(Mlp{Reference("mlp/start/weight1"), Reference("mlp/start/bias1"),
                         Reference("mlp/start/weight2"), Reference("mlp/start/bias2")});
    const auto objective = [&](const ModelOf<Mlp>& model) {
      return at::mse_loss(model(Reference("mlp/inputs")), Reference("mlp/targets"));
    };
    int compared = 0;
    for (const auto& it : optimizer(x0, objective) | std::views::take(201)) {
      for (const Parameter& parameter : it.solution.parameters()) {
        compared += Compare("mlp/" + optimizer_name, it.index, parameter.name, parameter.tensor);
      }
    }
    EXPECT_EQ(compared, 4 * 6);
  }

  template <class Optimizer>
  void ExpectRosenbrock(const std::string& optimizer_name, const Optimizer& optimizer) {
    const auto objective = [](const at::Tensor& x) {
      return 100 * (x[1] - x[0].square()).square() + (1 - x[0]).square();
    };
    int compared = 0;
    for (const auto& it :
         optimizer(Reference("rosenbrock/start/x"), objective) | std::views::take(201)) {
      compared += Compare("rosenbrock/" + optimizer_name, it.index, "x", it.solution);
    }
    EXPECT_EQ(compared, 6);
  }

  // The same without LibTorch: the optimizer's generic form.
  template <class Optimizer>
  void ExpectRosenbrockInToySpace(const std::string& optimizer_name, const Optimizer& optimizer) {
    struct Rosenbrock {
      GradientAndValue<toy::Pair> gradient(const toy::Pair& p) const {
        const auto [x, y] = p.v;
        const double a = y - x * x, b = 1 - x;
        return {{{-400 * a * x - 2 * b, 200 * a}}, 100 * a * a + b * b};
      }
    };
    int compared = 0;
    for (const auto& it : optimizer(toy::Pair{{-1.2, 1}}, Rosenbrock{}) | std::views::take(201)) {
      at::Tensor x = at::empty({2}, at::kDouble);
      x[0] = it.solution.v[0];
      x[1] = it.solution.v[1];
      compared += Compare("rosenbrock/" + optimizer_name, it.index, "x", x);
    }
    EXPECT_EQ(compared, 6);
  }

 private:
  const std::map<std::string, at::Tensor> reference_ = ReadReference();
};

TEST_F(TrajectoriesTest, GradientDescentIsTorchsSgd) {
  ExpectMlp("gradient_descent", GradientDescent{.step_size = 0.05});
  ExpectRosenbrock("gradient_descent", GradientDescent{.step_size = 2e-4});
  ExpectRosenbrockInToySpace("gradient_descent", GradientDescent{.step_size = 2e-4});
}

TEST_F(TrajectoriesTest, HeavyBallIsTorchsSgdWithMomentum) {
  ExpectMlp("heavy_ball", HeavyBall{.step_size = 0.05});
  ExpectRosenbrock("heavy_ball", HeavyBall{.step_size = 2e-4});
  ExpectRosenbrockInToySpace("heavy_ball", HeavyBall{.step_size = 2e-4});
}

TEST_F(TrajectoriesTest, AdamIsTorchsAdam) {
  ExpectMlp("adam", Adam{.step_size = 0.01});
  ExpectRosenbrock("adam", Adam{.step_size = 0.01});
  ExpectRosenbrockInToySpace("adam", Adam{.step_size = 0.01});
}

// With betas that change, the fused kernel and the formula written out must still agree, and the
// averages stay unbiased: on a constant gradient every step has the length of the step size.
TEST_F(TrajectoriesTest, AdamStaysUnbiasedWhenItsBetasAreTurned) {
  const auto beta = [](double first, double second) {
    return Sequence([=](int64_t k) { return k < 3 ? first : second; });
  };
  const Adam optimizer{.step_size = 0.01, .beta1 = beta(0.5, 0.99), .beta2 = beta(0.9, 0.9999)};
  struct Slope {
    at::Tensor operator()(const at::Tensor& x) const { return 3 * x[0] - 2 * x[1]; }
    GradientAndValue<toy::Pair> gradient(const toy::Pair& p) const {
      return {{{3, -2}}, 3 * p.v[0] - 2 * p.v[1]};
    }
  };
  auto fused = optimizer(at::zeros({2}, at::kDouble), Slope{});
  auto generic = optimizer(toy::Pair{}, Slope{});
  auto other = generic.begin();
  for (const auto& it : fused | std::views::take(20)) {
    const auto expected = (*other).solution;
    EXPECT_NEAR(it.solution[0].item<double>(), -0.01 * static_cast<double>(it.index), 1e-9);
    EXPECT_NEAR(it.solution[0].item<double>(), expected.v[0], 1e-14);
    EXPECT_NEAR(it.solution[1].item<double>(), expected.v[1], 1e-14);
    ++other;
  }
}

}  // namespace
}  // namespace descent
