// Tests the contract on a model of layers, for all optimizers that there are by name.

#include <string>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/gradient.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/contract.h"
#include "tests/core/optimizer/every_optimizer.h"

namespace descent::contract {
namespace {

class ModelContractTest : public testing::TestWithParam<NamedOptimizer> {};

INSTANTIATE_TEST_SUITE_P(Optimizers, ModelContractTest, testing::ValuesIn(EveryOptimizer()),
                         [](const auto& info) { return info.param.name; });

// Freezes what every_optimizer.cc freezes.
bool IsFrozen(const std::string& optimizer, const std::string& parameter) {
  if (optimizer == "freeze") return parameter.ends_with(".weight");
  if (optimizer == "mask") return !parameter.ends_with(".weight");
  return optimizer == "groups" && parameter.starts_with("2.");
}

TEST_P(ModelContractTest, Holds) {
  const auto built = BuildModel(
      {.root = Sequential{{Linear{.out_features = 3}, Relu{}, Linear{.out_features = 2}}},
       .input_shape = {2},
       .seed = 3});
  ASSERT_TRUE(built.ok()) << built.status();
  const auto bowl = [](const Model& x) {
    at::Tensor sum;
    for (const Parameter& p : x.parameters()) {
      const at::Tensor part = (p.tensor - 1).square().sum() / 2;
      sum = sum.defined() ? sum + part : part;
    }
    return sum;
  };
  auto [gradient, value] = descent::gradient(bowl, built->model);
  // What is frozen has no gradient.
  for (const Parameter& p : gradient.parameters()) {
    if (IsFrozen(GetParam().name, p.name)) p.tensor.zero_();
  }
  ExpectContract<Model>(GetParam().options, built->model, bowl, value, norm(gradient));
}

}  // namespace
}  // namespace descent::contract
