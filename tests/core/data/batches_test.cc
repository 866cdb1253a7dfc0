#include "core/data/batches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "core/data/random_seed.h"
#include "core/data/sha256.h"

namespace descent {
namespace {

Dataset Numbers(int64_t n) {
  Dataset data;
  data.inputs = at::arange(n, at::kFloat).view({n, 1}).repeat({1, 3});
  data.targets = at::arange(n, at::kLong);
  data.targets_path = "numbers";
  return data;
}

std::vector<int64_t> Targets(const Batch& batch) {
  const int64_t* data = batch.targets.const_data_ptr<int64_t>();
  return std::vector<int64_t>(data, data + batch.targets.numel());
}

TEST(Batches, AnEpochHoldsEveryExampleOnceAndEndsWithASmallerBatch) {
  auto batches = Batches::Create(Numbers(10), 4, true, 7);
  ASSERT_TRUE(batches.ok()) << batches.status();
  EXPECT_EQ((*batches)->per_epoch(), 3);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> seen;
    for (int j = 0; j < 3; ++j) {
      const Batch& batch = (*batches)->At(3 * epoch + j);
      EXPECT_EQ(batch.inputs.size(0), j < 2 ? 4 : 2);
      for (int64_t t : Targets(batch)) seen.insert(t);
      EXPECT_TRUE(at::equal(batch.inputs.select(1, 2), batch.targets.to(at::kFloat)));
    }
    EXPECT_EQ(seen.size(), 10u);
  }
}

TEST(Batches, ABatchIsAFunctionOfSeedAndIteration) {
  auto forward = *Batches::Create(Numbers(100), 8, true, 7);
  auto random_access = *Batches::Create(Numbers(100), 8, true, 7);
  std::vector<std::vector<int64_t>> seen;
  for (int64_t k = 0; k < 40; ++k) seen.push_back(Targets(forward->At(k)));
  for (int64_t k : {39, 0, 13, 12, 26, 1}) EXPECT_EQ(Targets(random_access->At(k)), seen[k]) << k;
  auto other = *Batches::Create(Numbers(100), 8, true, 8);
  EXPECT_NE(Targets(other->At(0)), seen[0]);
  EXPECT_NE(seen[0], seen[13]);  // the first of the next epoch
}

TEST(Batches, WithoutShuffleGoesInOrderWithoutCopying) {
  Dataset data = Numbers(5);
  auto batches = *Batches::Create(data, 2, false, 7);
  EXPECT_EQ(Targets(batches->At(1)), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(Targets(batches->At(2)), (std::vector<int64_t>{4}));
  EXPECT_EQ(Targets(batches->At(3)), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(batches->At(0).inputs.const_data_ptr(), data.inputs.const_data_ptr());
}

TEST(Batches, ReusesItsBuffers) {
  auto batches = *Batches::Create(Numbers(10), 4, true, 7);
  const void* first = batches->At(0).inputs.const_data_ptr();
  EXPECT_EQ(batches->At(1).inputs.const_data_ptr(), first);
  EXPECT_EQ(batches->At(4).inputs.const_data_ptr(), first);
}

TEST(Batches, CountsSamples) {
  auto batches = *Batches::Create(Numbers(10), 4, true, 7);
  const int64_t expected[] = {0, 4, 8, 10, 14, 18, 20};
  for (int64_t k = 0; k < 7; ++k) EXPECT_EQ(batches->SamplesBefore(k), expected[k]);
}

TEST(Batches, RefusesFewerExamplesThanABatch) {
  EXPECT_EQ(Batches::Create(Numbers(10), 11, true, 7).status().message(),
            "numbers holds 10 examples, fewer than a batch of 11.");
  EXPECT_FALSE(Batches::Create(Numbers(10), 0, true, 7).ok());
}

TEST(DeriveSeed, DiffersByEveryArgument) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (const char* purpose : {"shuffle", "initialize"}) {
      for (uint64_t index = 0; index < 100; ++index) seeds.insert(DeriveSeed(seed, purpose, index));
    }
  }
  EXPECT_EQ(seeds.size(), 2000u);
}

TEST(Sha256, IsTheStandardOne) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace descent
