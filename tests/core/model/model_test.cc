#include "core/model/model.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/IListRef.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "core/model/fields.h"
#include "core/space/space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

struct Line {
  at::Tensor weight, bias;
  double temperature = 1;  // not listed: copied, otherwise left alone

  void fields(Fields& list) { list("weight", weight)("bias", bias); }
  at::Tensor operator()(const at::Tensor& x) const {
    return at::linear(x, weight, bias) / temperature;
  }
};

struct Two {
  Line first, second;
  void fields(Fields& list) { list("first", first)("second", second); }
  at::Tensor operator()(const at::Tensor& x) const { return second(first(x)); }
};

static_assert(ElementwiseAlgebra<ModelOf<Two>> && FlatSpace<ModelOf<Two>>);

Line RandomLine(int64_t in, int64_t out, at::ScalarType dtype = at::kFloat) {
  return {at::randn({out, in}, dtype), at::randn({out}, dtype)};
}

Two RandomTwo(at::ScalarType dtype = at::kFloat) {
  return {RandomLine(3, 5, dtype), RandomLine(5, 7, dtype)};
}

// Gives all parameters in one tensor, one after the other.
at::Tensor Plain(const ModelOf<Two>& x) {
  std::vector<at::Tensor> parts;
  for (const Parameter& parameter : x.parameters()) parts.push_back(parameter.tensor.flatten());
  return at::cat(parts);
}

void ExpectZeroGaps(const ModelOf<Two>& x) {
  for (const at::Tensor& buffer : x.flat().buffers()) {
    at::Tensor rest = buffer.clone();
    const auto* begin = static_cast<const char*>(buffer.const_data_ptr());
    for (const Parameter& parameter : x.parameters()) {
      const auto* at = static_cast<const char*>(parameter.tensor.const_data_ptr());
      if (at < begin || at >= begin + buffer.nbytes()) continue;
      rest.narrow(0, (at - begin) / static_cast<int64_t>(buffer.element_size()),
                  parameter.tensor.numel())
          .zero_();
    }
    EXPECT_EQ(rest.count_nonzero().item<int64_t>(), 0);
    EXPECT_FALSE(rest.isnan().any().item<bool>());
  }
}

TEST(ModelTest, FieldsBecomeNamedAlignedViewsOfOneBuffer) {
  const Two plain = RandomTwo();
  const at::Tensor x = at::randn({4, 3});
  const ModelOf model(plain);

  ASSERT_EQ(model.flat().buffers().size(), 1);
  std::vector<std::string> names;
  for (const Parameter& parameter : model.parameters()) {
    names.push_back(parameter.name);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(parameter.tensor.const_data_ptr()) % 64, 0);
    EXPECT_TRUE(parameter.tensor.is_alias_of(model.flat().buffers()[0]));
  }
  EXPECT_THAT(names,
              testing::ElementsAre("first.weight", "first.bias", "second.weight", "second.bias"));
  EXPECT_EQ(model.parameter_count(), 3 * 5 + 5 + 5 * 7 + 7);
  EXPECT_TRUE(at::equal(model->second.weight, plain.second.weight));
  EXPECT_TRUE(model->second.weight.is_alias_of(model.flat().buffers()[0]));
  EXPECT_FALSE(model->second.weight.is_alias_of(plain.second.weight));
  EXPECT_TRUE(at::equal(model(x), plain(x)));
  ExpectZeroGaps(model);
}

TEST(ModelTest, CopiesAreDeepAndMovesKeepTheMemory) {
  ModelOf model(Line{at::ones({1, 2}), at::ones({1}), 2.0});
  const ModelOf copy = model;
  const void* memory = model->weight.const_data_ptr();
  model->weight.zero_();
  EXPECT_EQ(copy->weight.sum().item<double>(), 2);
  EXPECT_EQ(copy->temperature, 2);
  EXPECT_EQ(copy(at::ones({1, 2})).item<double>(), 1.5);

  const ModelOf moved = std::move(model);
  EXPECT_EQ(moved->weight.const_data_ptr(), memory);
  model = copy;
  model->bias.zero_();
  EXPECT_EQ(copy->bias.item<double>(), 1);
  EXPECT_EQ(model(at::ones({1, 2})).item<double>(), 1);
}

TEST(ModelTest, SpaceOperationsAreThoseOfPlainTensors) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    ModelOf x(RandomTwo(dtype)), y(RandomTwo(dtype));
    const at::Tensor a = Plain(x), b = Plain(y);
    EXPECT_TRUE(at::equal(Plain(0.3 * x + y * -1.7), a * 0.3 + b * -1.7));
    EXPECT_TRUE(at::equal(Plain(x - y), a - b));
    EXPECT_TRUE(at::equal(Plain(-x), -a));
    axpy(0.7, x, y);
    EXPECT_TRUE(at::equal(Plain(y), b.add(a, 0.7)));
    scale(0.1, y);
    EXPECT_TRUE(at::equal(Plain(y), b.add(a, 0.7) * 0.1));
    EXPECT_NEAR(dot(x, x) / (norm(x) * norm(x)), 1, 1e-6);
    EXPECT_NEAR(norm(x) / a.norm().item<double>(), 1, 1e-6);
    ExpectZeroGaps(y);
  }
}

TEST(ModelTest, ElementwiseOperationsLeaveTheGapsZero) {
  ModelOf x(RandomTwo()), y(RandomTwo());
  const at::Tensor a = Plain(x), b = Plain(y);
  shift(2, x);
  EXPECT_TRUE(at::equal(Plain(x), a + 2));
  ExpectZeroGaps(x);
  divide(x, y);
  EXPECT_TRUE(at::equal(Plain(y), b / (a + 2)));
  ExpectZeroGaps(y);
  multiply(y, y);
  square_root(y);
  EXPECT_TRUE(at::equal(Plain(y), (b / (a + 2)).square().sqrt()));
  ExpectZeroGaps(y);
}

TEST(ModelTest, ZerosLikeHasTheSameStructure) {
  const ModelOf x(RandomTwo());
  const ModelOf zeros = zeros_like(x);
  EXPECT_EQ(norm(zeros), 0);
  EXPECT_TRUE(zeros.flat().SameLayout(x.flat()));
  EXPECT_TRUE(zeros->first.weight.sizes().equals(x->first.weight.sizes()));
  EXPECT_GT(norm(x), 0);
}

TEST(ModelTest, EachDtypeHasABufferOfItsOwn) {
  Two two = RandomTwo();
  two.second = RandomLine(5, 7, at::kDouble);
  const ModelOf x(two);
  ASSERT_EQ(x.flat().buffers().size(), 2);
  EXPECT_EQ((x + x)->second.weight.scalar_type(), at::kDouble);
  EXPECT_NEAR(norm(x) * norm(x), dot(x, x), 1e-4);
  ExpectZeroGaps(x);
}

TEST(ModelTest, WrongFieldsAreNamed) {
  const auto message = [](Two two) {
    try {
      const ModelOf model(std::move(two));
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  Two two = RandomTwo();
  two.second.bias = at::Tensor();
  EXPECT_THAT(message(two), HasSubstr("`second.bias` is an undefined tensor"));
  two.second.bias = at::arange(7);
  EXPECT_THAT(message(two), HasSubstr("`second.bias` is not floating point"));
  two.second.bias = two.first.bias;
  EXPECT_THAT(message(two), HasSubstr("`second.bias` is the same tensor"));
}

TEST(ModelTest, ModelsOfOtherShapesAreRefused) {
  ModelOf x(RandomLine(2, 3)), y(RandomLine(3, 2));
  EXPECT_THROW(axpy(1, x, y), std::invalid_argument);
  EXPECT_THROW(x += y, std::invalid_argument);
}

}  // namespace
}  // namespace descent
