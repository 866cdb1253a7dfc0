// Tests each layer that draws or remembers, and each order of the data: a run that is cut off and
// goes on from its checkpoint gives the bits of one that nobody disturbed, whether batches are made
// ahead or not.
#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/rand.h"
#include "core/model/attention.h"
#include "core/model/batch_norm.h"
#include "core/model/dropout.h"
#include "core/model/flatten.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "core/optimizer/adam.h"
#include "core/train/trainer.h"
#include "gtest/gtest.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

constexpr int64_t kLast = 60;

struct NamedLayers {
  std::string name;
  std::vector<LayerOptions> layers;
};

struct NamedOrder {
  std::string name;
  BatchOptions options;
};

void PrintTo(const NamedLayers& layers, std::ostream* out) { *out << layers.name; }
void PrintTo(const NamedOrder& order, std::ostream* out) { *out << order.name; }

// The layers work on pictures [6, 6].
std::vector<NamedLayers> EveryStochasticLayer() {
  return {{"dropout", {Flatten{}, Linear{.out_features = 8}, Dropout{.p = 0.3}}},
          {"attention", {MultiHeadAttention{.num_heads = 2, .dropout = 0.2}, Flatten{}}},
          {"batch_norm", {BatchNorm{}, Flatten{}}}};
}

std::vector<NamedOrder> EveryOrder() {
  const OrderOptions drawn{.replacement = true};
  return {{"permutation", {}},
          {"as_they_are", {.order = {.shuffle = false}}},
          {"replacement", {.order = drawn}},
          {"balanced", {.order = {.replacement = true, .balanced = true}}},
          {"weighted", {.order = {.replacement = true, .weighted = true}}},
          {"last_dropped", {.drop_last = true}},
          {"augmented",
           {.augmentation = {.horizontal_flip = 0.5, .vertical_flip = 0.2, .crop_padding = 1}}}};
}

class StochasticRunsTest : public testing::TestWithParam<std::tuple<NamedLayers, NamedOrder>> {
 protected:
  static std::unique_ptr<Trainer> Make(int64_t prefetch) {
    at::Generator generator = at::detail::createCPUGenerator(3);
    Dataset data;
    data.inputs = at::rand({50, 6, 6}, generator, at::kFloat);
    data.targets = data.inputs.flatten(1).narrow(1, 0, 4).argmax(1);
    data.weights = at::arange(1, 51, at::kDouble);
    data.origin = Origin("examples");
    std::vector<LayerOptions> layers = std::get<0>(GetParam()).layers;
    layers.push_back(Linear{.out_features = 4});
    const auto built =
        BuildModel({.root = Sequential{std::move(layers)}, .input_shape = {6, 6}, .seed = 5});
    EXPECT_TRUE(built.ok()) << built.status();
    BatchOptions options = std::get<1>(GetParam()).options;
    options.batch_size = 8;
    options.seed = 11;
    options.prefetch = prefetch;
    auto batches = Batches::Create(data, options);
    EXPECT_TRUE(batches.ok()) << batches.status();
    auto trainer = Trainer::Create({.starting_point = &built->model,
                                    .optimizer = Adam{.step_size = 0.01},
                                    .loss = cross_entropy(),
                                    .batches = *std::move(batches),
                                    .test = data,
                                    .agenda = {.iterations = kLast, .iterations_per_epoch = 7},
                                    .dial_path = {},
                                    .spec = {}});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  using Trace = std::map<int64_t, std::vector<double>>;

  static void Go(Trainer& trainer, int64_t until, Trace& trace) {
    while (true) {
      const auto boundary = trainer.Current();
      ASSERT_TRUE(boundary.ok()) << boundary.status();
      trace[boundary->index] = {boundary->value, boundary->gradient_norm};
      // It draws nothing, and leaves what is remembered alone.
      if (boundary->index % 10 == 0) {
        trace[boundary->index].push_back(trainer.Evaluate()->loss);
      }
      if (boundary->index == until) return;
      ASSERT_TRUE(trainer.Advance().ok());
    }
  }

  std::string Path(int64_t branch) const {
    return folder_.path() + "/" + std::to_string(branch) + ".safetensors";
  }

  std::string Save(Trainer& trainer, int64_t branch) const {
    const auto saved = trainer.Save(Path(branch), branch, trainer.Snapshot());
    EXPECT_TRUE(saved.ok()) << saved.status();
    return saved->sha256;
  }

  const TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(All, StochasticRunsTest,
                         testing::Combine(testing::ValuesIn(EveryStochasticLayer()),
                                          testing::ValuesIn(EveryOrder())),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
                         });

TEST_P(StochasticRunsTest, GoOnBitForBit) {
  Trace whole, parts;
  auto undisturbed = Make(0);
  Go(*undisturbed, kLast, whole);
  const std::string expected = Save(*undisturbed, 9);
  // It is cut off in the middle of an epoch, further on than its last file.
  auto first = Make(2);
  Go(*first, 17, parts);
  const std::string sha256 = Save(*first, 0);
  Go(*first, 23, parts);
  auto second = Make(1);
  const auto at = second->Load(Path(0), sha256);
  ASSERT_TRUE(at.ok()) << at.status();
  Go(*second, kLast, parts);
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(Save(*second, 9), expected);
}

}  // namespace
}  // namespace descent
