// Step by step what torch.optim and optax do (tests/data/optimizer_trajectories*.py), float64.
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
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/any_optimizer.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/freeze.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/muon.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

constexpr double kTolerance = 1e-10;

void ReadReference(const std::string& path, std::map<std::string, at::Tensor>& tensors) {
  std::ifstream file(path);
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
}

// Where optimizers that go by signs are compared: later, roundings decide.
struct Signs {
  static constexpr double kTolerance = 1e-6;
  static constexpr int64_t kLast = 50;
};

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
  TrajectoriesTest() {
    ReadReference("tests/data/optimizer_trajectories.txt", reference_);
    ReadReference("tests/data/optimizer_trajectories_optax.txt", reference_);
  }

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
    if (step > last_) return 0;
    EXPECT_LE(norm(tensor - found->second), tolerance_ * norm(found->second)) << found->first;
    return 1;
  }

  // On both problems, the second in two spaces.
  template <class Optimizer>
  void ExpectTrajectory(const std::string& name, const Optimizer& mlp,
                        const Optimizer& rosenbrock) {
    ExpectMlp(name, mlp);
    ExpectRosenbrock(name, rosenbrock);
    ExpectRosenbrockInToySpace(name, rosenbrock);
  }
  template <class Optimizer>
  void ExpectTrajectory(const std::string& name, const Optimizer& optimizer) {
    ExpectTrajectory(name, optimizer, optimizer);
  }

  void CompareSigns() {
    tolerance_ = Signs::kTolerance;
    last_ = Signs::kLast;
  }
  int Steps() const { return last_ == Signs::kLast ? 4 : 6; }

  // The optimizers' types are erased: one range a space is enough for the compiler.
  void ExpectMlp(const std::string& optimizer_name, const AnyOptimizer<ModelOf<Mlp>>& optimizer) {
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
      for (const Parameter& parameter : it.average.parameters()) {
        Compare("mlp/" + optimizer_name + "_average", it.index, parameter.name, parameter.tensor);
      }
    }
    EXPECT_EQ(compared, 4 * Steps());
  }

  void ExpectRosenbrock(const std::string& optimizer_name,
                        const AnyOptimizer<at::Tensor>& optimizer) {
    const auto objective = [](const at::Tensor& x) {
      return 100 * (x[1] - x[0].square()).square() + (1 - x[0]).square();
    };
    int compared = 0;
    for (const auto& it :
         optimizer(Reference("rosenbrock/start/x"), objective) | std::views::take(201)) {
      compared += Compare("rosenbrock/" + optimizer_name, it.index, "x", it.solution);
      Compare("rosenbrock/" + optimizer_name + "_average", it.index, "x", it.average);
    }
    EXPECT_EQ(compared, Steps());
  }

  // Those parameters of the MLP that are matrices; the others stay.
  void ExpectMatrices(const std::string& prefix, const AnyOptimizer<ModelOf<Mlp>>& optimizer) {
    const ModelOf x0(Mlp{Reference("mlp/start/weight1"), Reference("mlp/start/bias1"),
                         Reference("mlp/start/weight2"), Reference("mlp/start/bias2")});
    const auto objective = [&](const ModelOf<Mlp>& model) {
      return at::mse_loss(model(Reference("mlp/inputs")), Reference("mlp/targets"));
    };
    int compared = 0;
    const Mask matrices{.pattern = "weight*", .optimizer = optimizer};
    for (const auto& it : matrices(x0, objective) | std::views::take(201)) {
      for (const Parameter& parameter : it.solution.parameters()) {
        compared += Compare(prefix, it.index, parameter.name, parameter.tensor);
      }
    }
    EXPECT_EQ(compared, 2 * 6);
  }

  // The same without LibTorch: the optimizer's generic form.
  void ExpectRosenbrockInToySpace(const std::string& optimizer_name,
                                  const AnyOptimizer<toy::Pair>& optimizer) {
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
    EXPECT_EQ(compared, Steps());
  }

 private:
  std::map<std::string, at::Tensor> reference_;
  double tolerance_ = kTolerance;
  int64_t last_ = 200;
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

TEST_F(TrajectoriesTest, SgdIsTorchs) {
  const auto sgd = [](double step_size) {
    return Sgd{.step_size = step_size, .momentum = 0.8, .dampening = 0.3};
  };
  ExpectTrajectory("sgd", sgd(0.05), sgd(2e-4));
  const auto nesterov = [](double step_size) {
    return Sgd{.step_size = step_size, .momentum = 0.9, .nesterov = true};
  };
  ExpectTrajectory("sgd_nesterov", nesterov(0.05), nesterov(2e-4));
}

TEST_F(TrajectoriesTest, AdaGradIsTorchs) {
  ExpectTrajectory("adagrad",
                   AdaGrad{.step_size = 0.02, .step_size_decay = 0.01, .initial_accumulator = 0.1});
}

TEST_F(TrajectoriesTest, AdaDeltaIsTorchs) { ExpectTrajectory("adadelta", AdaDelta{}); }

TEST_F(TrajectoriesTest, RmsPropIsTorchs) {
  ExpectTrajectory("rmsprop", RmsProp{.step_size = 0.001, .momentum = 0.9});
  ExpectTrajectory("rmsprop_centered", RmsProp{.step_size = 0.002, .centered = true});
}

TEST_F(TrajectoriesTest, AdamWIsTorchs) {
  ExpectTrajectory("adamw", AdamW{.step_size = 0.01, .weight_decay = 0.1});
}

TEST_F(TrajectoriesTest, AmsGradIsTorchs) {
  ExpectTrajectory("amsgrad", AmsGrad{.step_size = 0.01});
}

TEST_F(TrajectoriesTest, AdaMaxIsTorchs) { ExpectTrajectory("adamax", AdaMax{.step_size = 0.01}); }

TEST_F(TrajectoriesTest, NAdamIsTorchs) { ExpectTrajectory("nadam", NAdam{.step_size = 0.01}); }

TEST_F(TrajectoriesTest, RAdamIsTorchs) { ExpectTrajectory("radam", RAdam{.step_size = 0.01}); }

TEST_F(TrajectoriesTest, RpropIsTorchs) {
  CompareSigns();
  ExpectTrajectory("rprop", Rprop{.initial_step = 0.01});
}

TEST_F(TrajectoriesTest, AsgdAndItsAverageAreTorchs) {
  const auto asgd = [](double step_size) {
    return Asgd{.step_size = step_size, .decay = 0.01, .start = 20};
  };
  ExpectTrajectory("asgd", asgd(0.05), asgd(2e-4));
}

TEST_F(TrajectoriesTest, AdaBeliefIsOptaxs) {
  ExpectTrajectory("adabelief", AdaBelief{.step_size = 0.01});
}

TEST_F(TrajectoriesTest, LionIsOptaxs) {
  CompareSigns();
  ExpectTrajectory("lion", Lion{.step_size = 0.002, .weight_decay = 0.1});
}

TEST_F(TrajectoriesTest, LambIsOptaxs) {
  const Lamb lamb{.step_size = 0.01, .weight_decay = 0.1};
  ExpectMlp("lamb", lamb);
  ExpectRosenbrock("lamb", lamb);
}

TEST_F(TrajectoriesTest, ScheduleFreeOptimizersAndTheirAveragesAreOptaxs) {
  ExpectTrajectory("schedule_free_sgd", ScheduleFreeSgd{.step_size = 0.002});
  ExpectTrajectory("schedule_free_adamw",
                   ScheduleFreeAdamW{.step_size = 0.01, .weight_decay = 0.1});
}

// torch.optim.Muon computes in bfloat16; the reference does the same in float64.
TEST_F(TrajectoriesTest, MuonOrthogonalizesInThePrecisionOfTheParameters) {
  ExpectMatrices("mlp/muon", Muon{.step_size = 0.005});
}

// With betas that change, the pass over flat memory and the formula written out must still agree,
// and the averages stay unbiased: on a constant gradient every step has the length of the step
// size.
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
