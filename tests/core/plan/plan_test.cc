#include "core/plan/plan.h"

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "ATen/ops/mul.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/zeros.h"
#include "core/plan/plan_builder.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

constexpr int64_t kCount = 4;

// Computes y = x ⊙ f for a fixed factor; its gradient needs nothing but dy.
PlanTensor Times(PlanBuilder& plan, const PlanTensor& x, double f) {
  const PlanTensor y = plan.Output(x.sizes(), {x});
  const auto multiply = [f](const PlanTensor& from, const PlanTensor& to) {
    return [=] { to->copy_(*from).mul_(f); };
  };
  plan.Forward({.reads = {x}, .writes = {y}, .run = multiply(x, y), .in_place = true});
  const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
  plan.Backward({.reads = {dy}, .writes = {dx}, .run = multiply(dy, dx), .in_place = true});
  return y;
}

PlanTensor Sum(PlanBuilder& plan, const PlanTensor& a, const PlanTensor& b) {
  const PlanTensor y = plan.Output(a.sizes(), {a, b});
  plan.Forward({.reads = {a, b}, .writes = {y}, .run = [=] { y->copy_(*a).add_(*b); }});
  const PlanTensor dy = plan.Gradient(y), da = plan.Contribution(a), db = plan.Contribution(b);
  plan.Backward({.reads = {dy}, .writes = {da}, .run = [=] { da->copy_(*dy); }});
  plan.Backward({.reads = {dy}, .writes = {db}, .run = [=] { db->copy_(*dy); }});
  return y;
}

// Computes the sum of all elements.
PlanTensor Total(PlanBuilder& plan, const PlanTensor& x) {
  const PlanTensor value = plan.Scratch({});
  const PlanTensor dx = plan.Contribution(x);
  plan.Forward({.reads = {x}, .writes = {value, dx}, .run = [=] {
                  value->copy_(x->sum());
                  if (dx) dx->fill_(1);
                }});
  return value;
}

struct Parameters {
  explicit Parameters(double number)
      : buffers{at::full({2 * kCount}, number, at::kDouble)},
        views{buffers[0].narrow(0, 0, kCount), buffers[0].narrow(0, kCount, kCount)} {}
  std::vector<at::Tensor> buffers, views;
};

TEST(PlanTest, SharesOfAGradientAreAddedAndWhatIsNotUsedHasAZeroOne) {
  const Parameters x(2);
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  const PlanTensor w = plan.Parameter(x.views[0]);
  const PlanTensor a = Times(plan, w, 3), b = Times(plan, a, 5);
  const PlanTensor y = Sum(plan, Sum(plan, a, b), w);  // 3w + 15w + w
  const PlanTensor value = Total(plan, y);
  at::Tensor arena;
  Plan made(std::move(plan), value, x.buffers, &arena);

  Parameters g(77);
  EXPECT_EQ(made.Run(x.buffers, g.buffers, {}), 19 * 2 * kCount);
  EXPECT_TRUE(at::equal(g.views[0], at::full({kCount}, 19, at::kDouble)));
  EXPECT_TRUE(at::equal(g.views[1], at::zeros({kCount}, at::kDouble)));
}

TEST(PlanTest, RunsOnWhateverMemoryItIsGiven) {
  const Parameters x(2);
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  const PlanTensor input = plan.Input({2, 2}, at::kDouble);
  const PlanTensor flat = plan.View(input, {kCount});
  const PlanTensor y = Sum(plan, plan.Parameter(x.views[1]), flat);
  const PlanTensor value = Total(plan, y);
  at::Tensor arena;
  Plan made(std::move(plan), value, x.buffers, &arena);

  const at::Tensor rows = at::ones({6, 2}, at::kDouble);
  const at::Tensor low = rows.narrow(0, 0, 2), high = rows.narrow(0, 2, 2);
  high.fill_(10);
  for (const double number : {1.0, 4.0, 1.0}) {
    const Parameters other(number), g(0);
    EXPECT_EQ(made.Run(other.buffers, g.buffers, {low}), kCount * (number + 1));
    EXPECT_EQ(made.Run(other.buffers, g.buffers, {high}), kCount * (number + 10));
    EXPECT_TRUE(at::equal(g.views[1], at::ones({kCount}, at::kDouble)));
  }
}

TEST(PlanTest, AChainInPlaceTakesTheMemoryOfOneBuffer) {
  const Parameters x(1);
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  PlanTensor y = Sum(plan, plan.Parameter(x.views[0]), plan.Parameter(x.views[1]));
  for (int i = 0; i < 10; ++i) y = Times(plan, y, 2);
  const PlanTensor value = Total(plan, y);
  at::Tensor arena;
  Plan made(std::move(plan), value, x.buffers, &arena);
  const Parameters g(0);
  EXPECT_EQ(made.Run(x.buffers, g.buffers, {}), 2 * kCount * 1024);
  EXPECT_EQ(g.views[0][0].item<double>(), 1024);
  // Memory holds the forward chain or the backward chain, and the value.
  EXPECT_LE(made.arena_bytes(), 3 * 64);
  EXPECT_GT(made.unshared_bytes(), 20 * kCount * 8);
}

TEST(PlanTest, NothingIsOverwrittenThatAnotherStepStillNeeds) {
  const Parameters x(1);
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  const PlanTensor w = plan.Parameter(x.views[0]);
  const PlanTensor a = Times(plan, w, 2);
  const PlanTensor b = Times(plan, a, 10);  // may not take a's memory
  const PlanTensor value = Total(plan, Sum(plan, a, b));
  at::Tensor arena;
  Plan made(std::move(plan), value, x.buffers, &arena);
  const Parameters g(0);
  EXPECT_EQ(made.Run(x.buffers, g.buffers, {}), kCount * 22);
  EXPECT_EQ(g.views[0][0].item<double>(), 22);
}

TEST(PlanTest, PlansMayShareAnArena) {
  const Parameters x(1);
  at::Tensor arena = at::empty({1 << 12}, at::kByte);
  const void* memory = arena.data_ptr();
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  const PlanTensor value = Total(plan, Times(plan, plan.Parameter(x.views[0]), 2));
  const Plan made(std::move(plan), value, x.buffers, &arena);
  EXPECT_EQ(arena.data_ptr(), memory);
}

TEST(PlanTest, ReadingWhatNobodyWroteIsRefused) {
  const Parameters x(1);
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  const PlanTensor never = plan.Scratch({kCount});
  const PlanTensor value = Total(plan, Sum(plan, plan.Parameter(x.views[0]), never));
  at::Tensor arena;
  EXPECT_THROW(Plan(std::move(plan), value, x.buffers, &arena), std::logic_error);
}

TEST(PlanTest, ATensorThatIsNoParameterIsRefused) {
  const Parameters x(1);
  PlanBuilder plan(at::kDouble, at::kCPU, x.views);
  EXPECT_THROW(plan.Parameter(at::ones({2})), std::invalid_argument);
}

}  // namespace
}  // namespace descent
