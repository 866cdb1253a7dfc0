// Compares Adam and its relatives with their references.
#include <cstdint>
#include <ranges>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/zeros.h"
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/weight_decay.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/trajectories.h"

namespace descent {
namespace {

TEST_F(TrajectoriesTest, AdamIsTorchsAdam) {
  ExpectMlp("adam", Adam{.step_size = 0.01});
  ExpectRosenbrock("adam", Adam{.step_size = 0.01});
  ExpectRosenbrockInToySpace("adam", Adam{.step_size = 0.01});
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

// The wrapper decays each group in its own step size, and a frozen one not at all.
TEST_F(TrajectoriesTest, DecoupledDecayInGroupsIsTorchs) {
  const std::vector<ParameterGroup> groups = {
      {.name = "bias", .pattern = "bias*", .values = {{"step_size", Sequence(0.05)}}},
      {.name = "still", .pattern = "weight2", .frozen = true}};
  const auto expect = [&](const std::string& name, const auto& optimizer) {
    const Grouped grouped{.optimizer = optimizer, .groups = groups};
    ExpectMlp(name, DecoupledWeightDecay{.weight_decay = 0.3, .optimizer = grouped});
  };
  expect("radam_groups", RAdam{.step_size = 0.01});
  expect("nadam_groups", NAdam{.step_size = 0.01});
  expect("adamw_groups", AdamW{.step_size = 0.01, .weight_decay = 0});
  // The decay of AdamW itself does so as well.
  ExpectMlp("adamw_groups",
            Grouped{.optimizer = AdamW{.step_size = 0.01, .weight_decay = 0.3}, .groups = groups});
}

TEST_F(TrajectoriesTest, AdaBeliefIsOptaxs) {
  ExpectTrajectory("adabelief", AdaBelief{.step_size = 0.01});
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
