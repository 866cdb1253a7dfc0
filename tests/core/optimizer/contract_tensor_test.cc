// Tests the contract on a plain tensor.
#include <set>
#include <string>
#include <string_view>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/full.h"
#include "core/objective/gradient.h"
#include "core/optimizer/kinds.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/contract.h"
#include "tests/core/optimizer/contract_list.h"

namespace descent::contract {
namespace {

class TensorContractTest : public testing::TestWithParam<Named<at::Tensor>> {};

INSTANTIATE_TEST_SUITE_P(Optimizers, TensorContractTest, testing::ValuesIn(All<at::Tensor>()),
                         [](const auto& info) { return info.param.name; });

TEST_P(TensorContractTest, Holds) {
  const auto bowl = [](const at::Tensor& x) { return (x - 1).square().sum() / 2; };
  ExpectContract(GetParam().optimizer, at::full({2, 3}, 3.0, at::kDouble), bowl, 12, std::sqrt(24));
}

TEST(ContractListTest, HasEveryKind) {
  std::set<std::string> listed = {"freeze", "mask"};  // they need parameters with names
  for (const Named<at::Tensor>& named : All<at::Tensor>()) listed.insert(named.name);
  for (const std::string_view kind : OptimizerKinds())
    EXPECT_TRUE(listed.contains(std::string(kind))) << kind;
  for (const std::string_view kind : WrapperKinds())
    EXPECT_TRUE(listed.contains(std::string(kind))) << kind;
}

}  // namespace
}  // namespace descent::contract
