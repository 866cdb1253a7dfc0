// Compares optimizers that do something for each parameter by itself.
#include <cmath>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/zeros.h"
#include "core/optimizer/adafactor.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/muon.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/trajectories.h"

namespace descent {
namespace {

TEST_F(TrajectoriesTest, AdafactorIsTorchs) {
  ExpectTrajectory("adafactor", Adafactor{.step_size = 0.02, .weight_decay = 0.1});
}

TEST_F(TrajectoriesTest, LambIsOptaxs) {
  const Lamb lamb{.step_size = 0.01, .weight_decay = 0.1};
  ExpectTrajectory("lamb", lamb);
}

// A space without tensors has no matrices: its element moves as a vector does.
TEST_F(TrajectoriesTest, MuonMovesAToySpaceAsAVector) {
  struct Slope {
    double gradient_into(const toy::Pair& x, toy::Pair& g) const {
      g = {{3, -4}};
      return dot(g, x);
    }
    at::Tensor operator()(const at::Tensor& x) const { return 3 * x[0] - 4 * x[1]; }
  };
  const Muon muon{.step_size = 0.1, .weight_decay = 0};
  auto toy = muon(toy::Pair{}, Slope{});
  auto vector = muon(at::zeros({2}, at::kDouble), Slope{});
  toy.Advance();
  vector.Advance();
  const toy::Pair moved = toy.Current().solution;
  EXPECT_NEAR(moved.v[0], -0.1 * 0.2 * std::sqrt(2) * 0.6, 1e-15);
  EXPECT_NEAR(moved.v[1], 0.1 * 0.2 * std::sqrt(2) * 0.8, 1e-15);
  EXPECT_NEAR(vector.Current().solution[0].item<double>(), moved.v[0], 1e-15);
}

// torch.optim.Muon computes in bfloat16; the reference does the same in float64.
TEST_F(TrajectoriesTest, MuonOrthogonalizesInThePrecisionOfTheParameters) {
  ExpectMatrices("muon", Muon{.step_size = 0.005});
}

}  // namespace
}  // namespace descent
