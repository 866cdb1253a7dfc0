#include "core/space/tensor_space.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "core/space/space.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

static_assert(ElementwiseAlgebra<at::Tensor> && FlatSpace<at::Tensor>);
static_assert(ElementwiseAlgebra<toy::Pair> && !FlatSpace<toy::Pair>);
static_assert(!InnerProductSpace<std::vector<double>>);

class TensorSpaceTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  at::Tensor Random() const { return at::randn({3, 5}, at::TensorOptions().dtype(GetParam())); }
};

INSTANTIATE_TEST_SUITE_P(Dtypes, TensorSpaceTest, testing::Values(at::kFloat, at::kDouble));

TEST_P(TensorSpaceTest, OperationsAreThoseOfPlainTensors) {
  const at::Tensor x = Random(), y = Random();
  at::Tensor z = copy(y);
  axpy(0.3, x, z);
  EXPECT_TRUE(at::equal(z, y.add(x, 0.3)));
  scale(-1.7, z);
  EXPECT_TRUE(at::equal(z, y.add(x, 0.3).mul(-1.7)));
  assign(y, z);
  multiply(x, z);
  EXPECT_TRUE(at::equal(z, y * x));
  divide(y, z);
  EXPECT_TRUE(at::equal(z, y * x / y));
  assign(x, z);
  multiply(x, z);
  square_root(z);
  EXPECT_TRUE(at::equal(z, (x * x).sqrt()));
  shift(2, z);
  EXPECT_TRUE(at::equal(z, (x * x).sqrt() + 2));
}

TEST_P(TensorSpaceTest, DotIsTheSquareOfTheNorm) {
  const at::Tensor x = Random();
  const double tolerance = GetParam() == at::kFloat ? 1e-6 : 1e-14;
  EXPECT_NEAR(dot(x, x) / (norm(x) * norm(x)), 1, tolerance);
  EXPECT_NEAR(norm(x), x.norm().item<double>(), tolerance * norm(x));
}

TEST_P(TensorSpaceTest, CopiesShareNoMemory) {
  const at::Tensor x = Random().t();
  const at::Tensor before = x.clone();
  at::Tensor y = copy(x), zeros = zeros_like(x);
  EXPECT_TRUE(y.is_contiguous());
  EXPECT_TRUE(at::equal(x, y));
  EXPECT_EQ(norm(zeros), 0);
  EXPECT_TRUE(zeros.sizes().equals(x.sizes()));
  scale(3, y);
  EXPECT_TRUE(at::equal(x, before));
}

// Squares of finite numbers may be beyond the dtype, and what is not finite stays so.
TEST_P(TensorSpaceTest, ANormIsFiniteWhereTheNumbersAre) {
  const double large = GetParam() == at::kFloat ? 1e30 : 1e300;
  const at::Tensor x = at::full({4}, large, GetParam());
  EXPECT_NEAR(norm(x) / large, 2, 1e-6);
  EXPECT_TRUE(at::equal(x, at::full({4}, large, GetParam())));  // looked at, not touched
  x[2] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(norm(x), std::numeric_limits<double>::infinity());
  x[1] = std::nan("");
  EXPECT_TRUE(std::isnan(norm(x)));
}

TEST(TensorSpaceErrorTest, ElementsThatDontMatchAreRefused) {
  at::Tensor y = at::ones({2, 3});
  EXPECT_THROW(axpy(1, at::ones({3}), y), std::invalid_argument);
  EXPECT_THROW(dot(at::ones({2, 3}, at::kDouble), y), std::invalid_argument);
  EXPECT_TRUE(at::equal(y, at::ones({2, 3})));
}

TEST(TensorSpaceErrorTest, OnlyFloatingPointIsASolution) {
  EXPECT_THROW(copy(at::arange(3)), std::invalid_argument);
  EXPECT_THROW(copy(at::Tensor()), std::invalid_argument);
}

TEST(ToySpaceTest, TheNormComesFromTheInnerProduct) { EXPECT_EQ(norm(toy::Pair{{3, 4}}), 5); }

}  // namespace
}  // namespace descent
