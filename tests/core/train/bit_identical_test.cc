// For every optimizer, every wrapper and what composes them, 100 iterations give the same bits,
// whether nobody disturbs them, they are cut off and go on from a checkpoint file, or they are run
// again with the commands that the first run was given.
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/Context.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/rand.h"
#include "core/device/device.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/train/trainer.h"
#include "gtest/gtest.h"
#include "tests/core/data/temporary_folder.h"
#include "tests/core/optimizer/every_optimizer.h"

namespace descent {
namespace {

constexpr int64_t kLast = 100;

Dataset Examples(int64_t count, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  Dataset data;
  data.inputs = at::rand({count, 4}, generator, at::kFloat);
  data.targets = data.inputs.argmax(1);
  data.origin = Origin("examples");
  return data;
}

// This is a command: at that iteration that dial is scaled by the factor; 0 releases it.
struct Command {
  int64_t iteration;
  size_t dial;
  double factor;
};

// This is what there is to see of each iteration.
using Trace = std::map<int64_t, std::vector<double>>;

// Runs each optimizer on each device.
class BitIdenticalTest : public testing::TestWithParam<std::tuple<NamedOptimizer, at::DeviceType>> {
 protected:
  void SetUp() override {
    if (Device().is_cpu()) return;
    if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
    ComputeReproducibly(Device());
  }

  static at::Device Device() { return std::get<1>(GetParam()); }

  static std::unique_ptr<Trainer> Make() { return Make(Device()); }
  static std::unique_ptr<Trainer> Make(at::Device device) {
    const auto built = BuildModel(
        {.root = Sequential{{Linear{.out_features = 8}, Relu{}, Linear{.out_features = 4}}},
         .input_shape = {4},
         .device = device,
         .seed = 5});
    auto trainer =
        Trainer::Create({.starting_point = &built->model,
                         .optimizer = std::get<0>(GetParam()).options,
                         .loss = cross_entropy(),
                         .batches = *Batches::Create(
                             Examples(50, 3), {.batch_size = 8, .seed = 11, .device = device}),
                         .test = Examples(20, 4),
                         .agenda = {.iterations = kLast, .iterations_per_epoch = 7},
                         .dial_path = {},
                         .spec = {}});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  // Follows the order of a boundary: iteration, evaluation, [the file], commands.
  static void Go(Trainer& trainer, int64_t until, const std::vector<Command>& commands,
                 Trace& trace) {
    while (true) {
      const auto boundary = trainer.Current();
      ASSERT_TRUE(boundary.ok()) << boundary.status();
      std::vector<double> seen{boundary->value, boundary->gradient_norm,
                               boundary->step_size.value_or(-1)};
      seen.insert(seen.end(), boundary->scalars.begin(), boundary->scalars.end());
      if (trainer.agenda().EvaluationDue(boundary->index)) seen.push_back(trainer.Evaluate()->loss);
      trace[boundary->index] = seen;
      if (boundary->index == until) return;
      for (const Command& command : commands) {
        if (command.iteration != boundary->index) continue;
        if (command.factor == 0) {
          trainer.dials().Release(command.dial);
        } else {
          ASSERT_TRUE(trainer.dials().Scale(command.dial, command.factor).ok());
        }
      }
      ASSERT_TRUE(trainer.Advance().ok());
    }
  }

  std::string Path(int64_t branch) const {
    return folder_ + "/" + std::to_string(branch) + ".safetensors";
  }

  // Saves, and gives the file's digest, which is a function of the run's state alone.
  std::string Save(Trainer& trainer, int64_t branch) const {
    const auto saved = trainer.Save(Path(branch), branch, trainer.Snapshot());
    EXPECT_TRUE(saved.ok()) << saved.status();
    return saved->sha256;
  }

  void Load(Trainer& trainer, int64_t branch, int64_t iteration, const std::string& sha256) const {
    const auto at = trainer.Load(Path(branch), sha256);
    ASSERT_TRUE(at.ok()) << at.status();
    ASSERT_EQ(*at, iteration);
  }

  const TemporaryFolder holder_;
  const std::string folder_ = holder_.path();
};

INSTANTIATE_TEST_SUITE_P(Optimizers, BitIdenticalTest,
                         testing::Combine(testing::ValuesIn(EveryOptimizer()),
                                          testing::Values(at::kCPU)),
                         [](const auto& info) { return std::get<0>(info.param).name; });
INSTANTIATE_TEST_SUITE_P(OptimizersOnTheGpu, BitIdenticalTest,
                         testing::Combine(testing::ValuesIn(EveryOptimizer()),
                                          testing::Values(at::kCUDA)),
                         [](const auto& info) { return std::get<0>(info.param).name; });

TEST_P(BitIdenticalTest, UndisturbedCutOffAndReplayed) {
  auto undisturbed = Make();
  const size_t last_dial = undisturbed->dials().paths().size() - 1;
  const std::vector<Command> commands = {
      {5, 0, 0.5}, {37, 0, 2}, {37, last_dial, 0.9}, {50, 0, 0}, {71, last_dial, 0.95}};
  Trace whole;
  Go(*undisturbed, kLast, commands, whole);
  const std::string expected = Save(*undisturbed, 9);

  // The run is cut off twice, the second time some iterations after its newest file; the commands
  // at the file's own iteration are given again.
  Trace parts;
  std::string sha256;
  {
    auto first = Make();
    Go(*first, 37, commands, parts);
    sha256 = Save(*first, 0);
  }
  {
    auto second = Make();
    Load(*second, 0, 37, sha256);
    Go(*second, 71, commands, parts);
    sha256 = Save(*second, 1);
    Go(*second, 83, commands, parts);
  }
  auto third = Make();
  Load(*third, 1, 71, sha256);
  Go(*third, kLast, commands, parts);
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(Save(*third, 9), expected);

  // Another device rounds otherwise, so that they part in the long run.
  if (!Device().is_cpu()) {
    auto on_cpu = Make(at::kCPU);
    Trace beginning;
    Go(*on_cpu, 4, commands, beginning);
    for (const auto& [k, seen] : beginning) {
      ASSERT_EQ(seen.size(), whole[k].size());
      for (size_t i = 0; i < seen.size(); ++i) {
        EXPECT_NEAR(seen[i], whole[k][i], 1e-3 * (1 + std::abs(seen[i]))) << k << " " << i;
      }
    }
  }

  auto replayed = Make();
  Trace again;
  Go(*replayed, kLast, commands, again);
  EXPECT_EQ(again, whole);
  EXPECT_EQ(Save(*replayed, 9), expected);
}

}  // namespace
}  // namespace descent
