#include "tests/core/optimizer/trajectories.h"

#include <cstdint>
#include <ranges>
#include <stdexcept>
#include <string>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/mse_loss.h"
#include "ATen/ops/tanh.h"
#include "core/optimizer/freeze.h"
#include "tests/data/reference.h"

namespace descent {
namespace {

// The tolerance where optimizers that go by signs are compared.
constexpr double kSignTolerance = 1e-6;
constexpr int64_t kLastOfSigns = 50;

}  // namespace

at::Tensor Mlp::operator()(const at::Tensor& x) const {
  return at::linear(at::tanh(at::linear(x, weight1, bias1)), weight2, bias2);
}

TrajectoriesTest::TrajectoriesTest() {
  ReadReference("tests/data/optimizer_trajectories.txt", reference_);
  ReadReference("tests/data/optimizer_trajectories_optax.txt", reference_);
}

const at::Tensor& TrajectoriesTest::Reference(const std::string& name) const {
  const auto found = reference_.find(name);
  if (found == reference_.end()) throw std::out_of_range("no reference " + name);
  return found->second;
}

int TrajectoriesTest::Compare(const std::string& prefix, int64_t step, const std::string& name,
                              const at::Tensor& tensor) const {
  const auto found = reference_.find(prefix + "/" + std::to_string(step) + "/" + name);
  if (found == reference_.end() || step > last_) return 0;
  EXPECT_LE(norm(tensor - found->second), tolerance_ * norm(found->second)) << found->first;
  return 1;
}

void TrajectoriesTest::CompareSigns() {
  tolerance_ = kSignTolerance;
  last_ = kLastOfSigns;
}

int TrajectoriesTest::Steps() const { return last_ == kLastOfSigns ? 4 : 6; }

ModelOf<Mlp> TrajectoriesTest::MlpStart() const {
  return ModelOf(Mlp{Reference("mlp/start/weight1"), Reference("mlp/start/bias1"),
                     Reference("mlp/start/weight2"), Reference("mlp/start/bias2")});
}

at::Tensor TrajectoriesTest::MlpValue(const ModelOf<Mlp>& model) const {
  return at::mse_loss(model(Reference("mlp/inputs")), Reference("mlp/targets"));
}

void TrajectoriesTest::ExpectMlp(const std::string& name,
                                 const AnyOptimizer<ModelOf<Mlp>>& optimizer) {
  const auto objective = [this](const ModelOf<Mlp>& model) { return MlpValue(model); };
  int compared = 0;
  for (const auto& it : optimizer(MlpStart(), objective) | std::views::take(201)) {
    for (const Parameter& parameter : it.solution.parameters()) {
      compared += Compare("mlp/" + name, it.index, parameter.name, parameter.tensor);
    }
    for (const Parameter& parameter : it.average.parameters()) {
      Compare("mlp/" + name + "_average", it.index, parameter.name, parameter.tensor);
    }
  }
  EXPECT_EQ(compared, 4 * Steps());
}

void TrajectoriesTest::ExpectMatrices(const std::string& name,
                                      const AnyOptimizer<ModelOf<Mlp>>& optimizer) {
  const auto objective = [this](const ModelOf<Mlp>& model) { return MlpValue(model); };
  const Mask matrices{.pattern = "weight*", .optimizer = optimizer};
  int compared = 0;
  for (const auto& it : matrices(MlpStart(), objective) | std::views::take(201)) {
    for (const Parameter& parameter : it.solution.parameters()) {
      compared += Compare("mlp/" + name, it.index, parameter.name, parameter.tensor);
    }
  }
  EXPECT_EQ(compared, 2 * Steps());
}

void TrajectoriesTest::ExpectRosenbrock(const std::string& name,
                                        const AnyOptimizer<at::Tensor>& optimizer) {
  const auto objective = [](const at::Tensor& x) {
    return 100 * (x[1] - x[0].square()).square() + (1 - x[0]).square();
  };
  int compared = 0;
  for (const auto& it :
       optimizer(Reference("rosenbrock/start/x"), objective) | std::views::take(201)) {
    compared += Compare("rosenbrock/" + name, it.index, "x", it.solution);
    Compare("rosenbrock/" + name + "_average", it.index, "x", it.average);
  }
  EXPECT_EQ(compared, Steps());
}

void TrajectoriesTest::ExpectRosenbrockInToySpace(const std::string& name,
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
    compared += Compare("rosenbrock/" + name, it.index, "x", x);
  }
  EXPECT_EQ(compared, Steps());
}

}  // namespace descent
