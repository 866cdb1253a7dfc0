// What every optimizer promises, whatever the space: an infinite range that begins at a copy of the
// starting point, of the starting point's type, and shares no memory with it.
//
// Each space has a file of its own: the types are erased there, so a test is made once.
#ifndef DESCENT_TESTS_CORE_OPTIMIZER_CONTRACT_H_
#define DESCENT_TESTS_CORE_OPTIMIZER_CONTRACT_H_

#include <cmath>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <ostream>
#include <ranges>
#include <string>

#include "core/optimizer/any_optimizer.h"
#include "core/space/space.h"
#include "gtest/gtest.h"

namespace descent::contract {

template <class X>
struct Named {
  std::string name;
  AnyOptimizer<X> optimizer;
  friend void PrintTo(const Named& named, std::ostream* out) { *out << named.name; }
};

template <class X>
double Distance(const X& a, const X& b) {
  X difference = copy(a);
  axpy(-1, b, difference);
  return norm(difference);
}

// Fails unless the optimizer keeps the contract; `objective` has the value and the gradient norm at
// x0 that are given.
template <class X, class F>
void ExpectContract(const AnyOptimizer<X>& optimizer, const X& x0, F objective, double value,
                    double gradient_norm) {
  X given = copy(x0);
  auto run = optimizer(given, objective), undisturbed = optimizer(x0, objective);
  using R = decltype(run);
  static_assert(std::ranges::input_range<R>);
  static_assert(std::same_as<std::ranges::sentinel_t<R>, std::unreachable_sentinel_t>);
  static_assert(std::same_as<decltype((*run.begin()).solution), const X&>);
  static_assert(std::same_as<decltype((*run.begin()).gradient), const X&>);
  static_assert(std::same_as<decltype((*run.begin()).average), const X&>);

  const auto first = *run.begin();
  EXPECT_EQ(first.index, 0);
  EXPECT_EQ(Distance(first.solution, x0), 0);
  EXPECT_EQ(Distance(first.average, x0), 0);
  EXPECT_EQ(first.value, value);
  EXPECT_NEAR(first.gradient_norm(), gradient_norm, 1e-6 * gradient_norm);
  EXPECT_FALSE(first.step_size.has_value());

  // The input is not touched by the steps, nor do the steps see what becomes of the input.
  for (int k = 0; k < 6; ++k) run.Advance();
  EXPECT_EQ(Distance(given, x0), 0);
  scale(100, given);
  int64_t expected = 6;
  double moved = 0;
  for (const auto& it : run | std::views::take(100)) {
    EXPECT_EQ(it.index, expected++);
    EXPECT_TRUE(std::isfinite(it.value));
    moved = Distance(it.solution, x0);
  }
  EXPECT_GT(moved, 0);
  for (int64_t k = 0; k < expected; ++k) undisturbed.Advance();
  EXPECT_EQ(Distance(run.Current().solution, undisturbed.Current().solution), 0);
}

}  // namespace descent::contract

#endif  // DESCENT_TESTS_CORE_OPTIMIZER_CONTRACT_H_
