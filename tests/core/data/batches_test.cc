#include "core/data/batches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "core/data/random_seed.h"

namespace descent {
namespace {

Dataset Numbers(int64_t n) {
  Dataset data;
  data.inputs = at::arange(n, at::kFloat).view({n, 1}).repeat({1, 3});
  data.targets = at::arange(n, at::kLong);
  data.origin = Origin("numbers");
  return data;
}

// Makes 6 pictures of 2 × 3 × 4 different numbers, none of which is 0.
Dataset Pictures() {
  Dataset data;
  data.inputs = at::arange(1, 6 * 24 + 1, at::kFloat).view({6, 2, 3, 4});
  data.targets = at::arange(6, at::kLong);
  return data;
}

std::vector<int64_t> Targets(const Batch& batch) {
  const int64_t* data = batch.targets.const_data_ptr<int64_t>();
  return std::vector<int64_t>(data, data + batch.targets.numel());
}

std::unique_ptr<Batches> Make(const Dataset& dataset, const BatchOptions& options) {
  absl::StatusOr<std::unique_ptr<Batches>> batches = Batches::Create(dataset, options);
  EXPECT_TRUE(batches.ok()) << batches.status();
  return *std::move(batches);
}

std::string ErrorOf(const Dataset& dataset, const BatchOptions& options) {
  return std::string(Batches::Create(dataset, options).status().message());
}

TEST(Batches, AnEpochHoldsEveryExampleOnceAndEndsWithASmallerBatch) {
  auto batches = Make(Numbers(10), {.batch_size = 4, .seed = 7});
  EXPECT_EQ(batches->per_epoch(), 3);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> seen;
    for (int j = 0; j < 3; ++j) {
      const Batch& batch = batches->At(3 * epoch + j);
      EXPECT_EQ(batch.inputs.size(0), j < 2 ? 4 : 2);
      for (int64_t t : Targets(batch)) seen.insert(t);
      EXPECT_TRUE(at::equal(batch.inputs.select(1, 2), batch.targets.to(at::kFloat)));
    }
    EXPECT_EQ(seen.size(), 10u);
  }
}

TEST(Batches, TheSmallerBatchCanBeDropped) {
  auto batches = Make(Numbers(10), {.batch_size = 4, .drop_last = true, .seed = 7});
  EXPECT_EQ(batches->per_epoch(), 2);
  EXPECT_EQ(batches->samples_per_epoch(), 8);
  for (int k = 0; k < 6; ++k) EXPECT_EQ(batches->At(k).inputs.size(0), 4);
  EXPECT_EQ(batches->SamplesBefore(3), 12);
}

TEST(Batches, ABatchIsAFunctionOfSeedAndIterationInEveryOrder) {
  for (const OrderOptions& order :
       {OrderOptions{}, OrderOptions{.replacement = true},
        OrderOptions{.replacement = true, .balanced = true}, OrderOptions{.shuffle = false}}) {
    for (const int64_t prefetch : {0, 1, 3}) {
      const BatchOptions options = {
          .batch_size = 8, .order = order, .seed = 7, .prefetch = prefetch};
      auto forward = Make(Numbers(100), options);
      auto random_access = Make(Numbers(100), options);
      std::vector<std::vector<int64_t>> seen;
      for (int64_t k = 0; k < 40; ++k) seen.push_back(Targets(forward->At(k)));
      for (int64_t k : {39, 0, 13, 12, 26, 1, 2, 4, 4, 3}) {
        EXPECT_EQ(Targets(random_access->At(k)), seen[k]) << k << " prefetch " << prefetch;
      }
      if (!order.shuffle) continue;
      BatchOptions other = options;
      other.seed = 8;
      EXPECT_NE(Targets(Make(Numbers(100), other)->At(0)), seen[0]);
      EXPECT_NE(seen[0], seen[13]);  // the first of the next epoch
    }
  }
}

TEST(Batches, WhatIsMadeAheadIsTheSame) {
  BatchOptions options = {
      .batch_size = 4, .augmentation = {.horizontal_flip = 0.5, .crop_padding = 1}, .seed = 3};
  auto alone = Make(Pictures(), options);
  options.prefetch = 2;
  auto ahead = Make(Pictures(), options);
  for (int64_t k = 0; k < 50; ++k) {
    const Batch& batch = ahead->At(k);
    const at::Tensor copy = batch.inputs.clone();
    EXPECT_TRUE(at::equal(batch.inputs, alone->At(k).inputs)) << k;
    EXPECT_TRUE(at::equal(batch.inputs, copy)) << k;  // nobody wrote into it meanwhile
  }
}

TEST(Batches, WithoutShuffleGoesInOrderWithoutCopying) {
  Dataset data = Numbers(5);
  auto batches = Make(data, {.batch_size = 2, .order = {.shuffle = false}});
  EXPECT_EQ(Targets(batches->At(1)), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(Targets(batches->At(2)), (std::vector<int64_t>{4}));
  EXPECT_EQ(Targets(batches->At(3)), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(batches->At(0).inputs.const_data_ptr(), data.inputs.const_data_ptr());
}

TEST(Batches, ReusesItsBuffers) {
  auto batches = Make(Numbers(10), {.batch_size = 4, .seed = 7});
  const void* first = batches->At(0).inputs.const_data_ptr();
  EXPECT_EQ(batches->At(1).inputs.const_data_ptr(), first);
  EXPECT_EQ(batches->At(4).inputs.const_data_ptr(), first);
}

TEST(Batches, CountsSamples) {
  auto batches = Make(Numbers(10), {.batch_size = 4, .seed = 7});
  const int64_t expected[] = {0, 4, 8, 10, 14, 18, 20};
  for (int64_t k = 0; k < 7; ++k) EXPECT_EQ(batches->SamplesBefore(k), expected[k]);
}

TEST(Batches, RefusesFewerExamplesThanABatch) {
  EXPECT_EQ(ErrorOf(Numbers(10), {.batch_size = 11}),
            "numbers holds 10 examples, fewer than a batch of 11.");
  EXPECT_NE(ErrorOf(Numbers(10), {.batch_size = 0}), "");
}

TEST(Batches, ExamplesMayOverlap) {  // as those of a text do
  Dataset data;
  const at::Tensor tokens = at::arange(20, at::kLong);
  data.inputs = tokens.narrow(0, 0, 19).unfold(0, 5, 2);
  data.targets = tokens.narrow(0, 1, 19).unfold(0, 5, 2);
  auto batches = Make(data, {.batch_size = 3, .seed = 1});
  for (int64_t k = 0; k < batches->per_epoch(); ++k) {
    const Batch& batch = batches->At(k);
    EXPECT_TRUE(at::equal(batch.targets, batch.inputs + 1));
    EXPECT_EQ(batch.inputs[0][0].item<int64_t>() % 2, 0);
  }
}

TEST(Order, WithReplacementDrawsEveryExampleEquallyOften) {
  auto batches = Make(Numbers(10), {.batch_size = 10, .order = {.replacement = true}});
  std::map<int64_t, int> counts;
  bool repeats = false;
  for (int64_t k = 0; k < 1000; ++k) {
    const std::vector<int64_t> drawn = Targets(batches->At(k));
    repeats |= std::set<int64_t>(drawn.begin(), drawn.end()).size() < drawn.size();
    for (int64_t t : drawn) ++counts[t];
  }
  EXPECT_TRUE(repeats);
  for (int64_t i = 0; i < 10; ++i) EXPECT_NEAR(counts[i], 1000, 150) << i;  // 5 σ
}

TEST(Order, DrawsInProportionToWeights) {
  Dataset data = Numbers(4);
  data.weights = at::tensor({1.0, 0.0, 3.0, 0.0}, at::kDouble);
  auto batches = Make(data, {.batch_size = 4, .order = {.replacement = true, .weighted = true}});
  std::map<int64_t, int> counts;
  for (int64_t k = 0; k < 2500; ++k) {
    for (int64_t t : Targets(batches->At(k))) ++counts[t];
  }
  EXPECT_EQ(counts[1] + counts[3], 0);
  EXPECT_NEAR(counts[0], 2500, 220);  // 5 σ
}

TEST(Order, BalancesClasses) {
  Dataset data = Numbers(100);
  data.targets = at::arange(100).ge(90).to(at::kLong);  // 90 and 10
  auto batches = Make(data, {.batch_size = 100, .order = {.replacement = true, .balanced = true}});
  int64_t ones = 0;
  for (int64_t k = 0; k < 100; ++k) ones += batches->At(k).targets.sum().item<int64_t>();
  EXPECT_NEAR(static_cast<double>(ones), 5000, 250);  // 5 σ
}

TEST(Order, RefusesWhatMakesNoSense) {
  EXPECT_NE(ErrorOf(Numbers(4), {.batch_size = 1, .order = {.balanced = true}}).find("replacement"),
            std::string::npos);
  EXPECT_NE(ErrorOf(Numbers(4), {.batch_size = 1, .order = {.replacement = true, .weighted = true}})
                .find("no weights"),
            std::string::npos);
  EXPECT_NE(
      ErrorOf(Numbers(4), {.batch_size = 1, .order = {.shuffle = false, .replacement = true}}), "");
  Dataset zeros = Numbers(4);
  zeros.weights = at::zeros({4}, at::kDouble);
  EXPECT_NE(ErrorOf(zeros, {.batch_size = 1, .order = {.replacement = true, .weighted = true}})
                .find("all weights are 0"),
            std::string::npos);
  Dataset values = Numbers(4);
  values.targets = values.inputs;
  EXPECT_NE(ErrorOf(values, {.batch_size = 1, .order = {.replacement = true, .balanced = true}})
                .find("no classes"),
            std::string::npos);
}

TEST(Augmentation, FlipsAndShifts) {
  const at::Tensor picture = at::arange(1, 25, at::kFloat).view({2, 3, 4});
  const auto changed = [&](const PictureChange& change) {
    at::Tensor out = at::empty_like(picture);
    ChangePicture(change, 2, 3, 4, 4, picture.const_data_ptr(), out.data_ptr());
    return out;
  };
  EXPECT_TRUE(at::equal(changed({}), picture));
  EXPECT_TRUE(at::equal(changed({.flip_horizontally = true}), picture.flip(2)));
  EXPECT_TRUE(at::equal(changed({.flip_vertically = true}), picture.flip(1)));
  for (int64_t down = -4; down <= 4; ++down) {
    for (int64_t right = -5; right <= 5; ++right) {
      for (const bool flip : {false, true}) {
        // By the definition, there are zeros around it, and then it is cropped.
        const at::Tensor whole = flip ? picture.flip({1, 2}) : picture;
        const at::Tensor padded = at::constant_pad_nd(whole, {5, 5, 4, 4});
        EXPECT_TRUE(at::equal(changed({flip, flip, down, right}),
                              padded.narrow(1, 4 - down, 3).narrow(2, 5 - right, 4)))
            << down << " " << right << " " << flip;
      }
    }
  }
}

TEST(Augmentation, IsAFunctionOfSeedEpochAndExample) {
  const Augmentation all = {.horizontal_flip = 0.5, .vertical_flip = 0.5, .crop_padding = 2};
  std::set<std::vector<int64_t>> changes;
  for (int64_t epoch = 0; epoch < 50; ++epoch) {
    for (int64_t example = 0; example < 50; ++example) {
      const PictureChange change = DrawChange(all, 1, epoch, example);
      EXPECT_LE(std::abs(change.down), 2);
      EXPECT_LE(std::abs(change.right), 2);
      changes.insert({change.flip_horizontally, change.flip_vertically, change.down, change.right});
    }
  }
  EXPECT_EQ(changes.size(), 2u * 2 * 5 * 5);
}

TEST(Augmentation, RefusesWhatIsNoPicture) {
  EXPECT_EQ(ErrorOf(Numbers(4), {.batch_size = 1, .augmentation = {.horizontal_flip = 0.5}}),
            "pictures are [height, width] or [channels, height, width], but an example is [3]");
  EXPECT_NE(ErrorOf(Pictures(), {.batch_size = 1, .augmentation = {.horizontal_flip = 1.5}}), "");
  EXPECT_NE(ErrorOf(Pictures(), {.batch_size = 1, .augmentation = {.crop_padding = -1}}), "");
  EXPECT_NE(ErrorOf(Pictures(), {.batch_size = 1, .augmentation = {.crop_padding = 5}}), "");
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

}  // namespace
}  // namespace descent
