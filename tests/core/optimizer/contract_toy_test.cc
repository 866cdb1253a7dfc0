// Tests the contract on a toy space that LibTorch knows nothing of.
#include <cmath>

#include "core/objective/gradient.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/contract.h"
#include "tests/core/optimizer/contract_list.h"
#include "tests/core/space/toy_space.h"

namespace descent::contract {
namespace {

class ToyContractTest : public testing::TestWithParam<Named<toy::Pair>> {};

INSTANTIATE_TEST_SUITE_P(Optimizers, ToyContractTest, testing::ValuesIn(All<toy::Pair>()),
                         [](const auto& info) { return info.param.name; });

TEST_P(ToyContractTest, Holds) {
  struct Bowl {
    double gradient_into(const toy::Pair& x, toy::Pair& g) const {
      g = {{x.v[0] - 1, x.v[1] - 1}};
      return dot(g, g) / 2;
    }
  };
  ExpectContract(GetParam().optimizer, toy::Pair{{3, 3}}, Bowl{}, 4, std::sqrt(8));
}

}  // namespace
}  // namespace descent::contract
