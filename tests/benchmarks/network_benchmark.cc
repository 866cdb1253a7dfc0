// One step of a network (batch gathered, gradient, value, norm, Adam), one thread, in slices that
// networks.py asks for: each line of standard input is a number of steps, which are taken with the
// plan and then by autograd; answered by two numbers, microseconds a step.
//
//   network_benchmark mlp|cnn|transformer [DEVICE [bfloat16]]     default: cpu, in float32
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "core/data/batch.h"
#include "core/device/device.h"
#include "core/model/attention.h"
#include "core/model/conv.h"
#include "core/model/embedding.h"
#include "core/model/flatten.h"
#include "core/model/gelu.h"
#include "core/model/layer_norm.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/max_pool.h"
#include "core/model/relu.h"
#include "core/model/residual.h"
#include "core/model/sequential.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/model_run.h"

namespace {

constexpr int64_t kBatches = 16;
// The step size is so small that the loss stays what it is, and nothing underflows.
constexpr double kStepSize = 1e-12;

double sink = 0;

// The networks are those of networks.py.
struct Network {
  descent::LayerOptions root;
  at::Tensor inputs, targets;  // of kBatches batches
  int64_t batch;
};

// Gathers batches of rows in a random order into the same memory.
class Gather {
 public:
  explicit Gather(const Network& network)
      : network_(network),
        order_(at::randperm(network.inputs.size(0)).to(network.inputs.device())) {}

  descent::Batch At(int64_t k) {
    const at::Tensor rows = order_.narrow(0, k % kBatches * network_.batch, network_.batch);
    at::index_select_out(batch_.inputs, network_.inputs, 0, rows);
    at::index_select_out(batch_.targets, network_.targets, 0, rows);
    return batch_;
  }

 private:
  const Network network_;
  const at::Tensor order_;
  descent::Batch batch_{at::empty({0}, network_.inputs.options()),
                        at::empty({0}, network_.targets.options())};
};

Network Cnn() {
  constexpr int64_t kBatch = 64;
  Network network{.root = descent::Sequential{{
                      descent::Conv2d{.out_channels = 16, .kernel_size = {3}, .padding = {1}},
                      descent::Relu{},
                      descent::MaxPool2d{.kernel_size = {2}},
                      descent::Conv2d{.out_channels = 32, .kernel_size = {3}, .padding = {1}},
                      descent::Relu{},
                      descent::MaxPool2d{.kernel_size = {2}},
                      descent::Flatten{},
                      descent::Linear{.out_features = 64},
                      descent::Relu{},
                      descent::Linear{.out_features = 10},
                  }},
                  .inputs = at::randn({kBatch * kBatches, 1, 28, 28}),
                  .targets = at::randint(0, 10, {kBatch * kBatches}, at::kLong),
                  .batch = kBatch};
  return network;
}

// This is the network of PEERS: 784-192-128-10.
Network Mlp() {
  constexpr int64_t kBatch = 128;
  return {.root = descent::Sequential{{
              descent::Linear{.out_features = 192},
              descent::Relu{},
              descent::Linear{.out_features = 128},
              descent::Relu{},
              descent::Linear{.out_features = 10},
          }},
          .inputs = at::randn({kBatch * kBatches, 784}),
          .targets = at::randint(0, 10, {kBatch * kBatches}, at::kLong),
          .batch = kBatch};
}

Network Transformer() {
  constexpr int64_t kBatch = 32, kTime = 64, kWidth = 64, kCharacters = 64;
  descent::Sequential layers{{
      descent::Embedding{.num_embeddings = kCharacters, .embedding_dim = kWidth},
      descent::PositionalEmbedding{},
  }};
  for (int layer = 0; layer < 2; ++layer) {
    layers.layers.push_back(descent::Residual{descent::Sequential{
        {descent::LayerNorm{}, descent::MultiHeadAttention{.num_heads = 4, .causal = true}}}});
    layers.layers.push_back(descent::Residual{
        descent::Sequential{{descent::LayerNorm{}, descent::Linear{.out_features = 4 * kWidth},
                             descent::Gelu{}, descent::Linear{.out_features = kWidth}}}});
  }
  layers.layers.push_back(descent::LayerNorm{});
  layers.layers.push_back(descent::Linear{.out_features = kCharacters});
  return {.root = std::move(layers),
          .inputs = at::randint(0, kCharacters, {kBatch * kBatches, kTime}, at::kLong),
          .targets = at::randint(0, kCharacters, {kBatch * kBatches, kTime}, at::kLong),
          .batch = kBatch};
}

std::function<void()> StepOf(const Network& network, bool plan, at::ScalarType dtype) {
  auto built = descent::BuildModel({.root = network.root,
                                    .input_shape = network.inputs.sizes().slice(1).vec(),
                                    .input_dtype = network.inputs.scalar_type(),
                                    .device = network.inputs.device()});
  const auto batches = std::make_shared<Gather>(network);
  descent::Loss loss = descent::cross_entropy();
  if (!plan) loss.plan = nullptr;
  std::shared_ptr<descent::ModelRun> run = *descent::ModelRun::Create(
      descent::Adam{.step_size = kStepSize}, built->model,
      descent::SupervisedObjective(
          std::move(loss), [=](int64_t k) { return batches->At(k); }, dtype));
  return [=] {
    const auto iteration = run->current();
    sink += iteration->value + iteration->gradient_norm;
    run->advance().IgnoreError();
  };
}

double MicrosecondsPerStep(const std::function<void()>& step, int64_t steps) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < steps; ++i) step();
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / static_cast<double>(steps);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  const auto device = descent::DeviceFromName(argc > 2 ? argv[2] : "cpu");
  const std::string dtype = argc > 3 ? argv[3] : "float32";
  if ((name != "mlp" && name != "cnn" && name != "transformer") || !device.ok() ||
      (dtype != "float32" && dtype != "bfloat16")) {
    std::fprintf(stderr, "usage: network_benchmark mlp|cnn|transformer [DEVICE [bfloat16]]\n%s\n",
                 device.status().ToString().c_str());
    return 2;
  }
  at::manual_seed(0);
  at::set_num_threads(1);
  descent::ComputeReproducibly(*device);
  Network network = name == "mlp" ? Mlp() : name == "cnn" ? Cnn() : Transformer();
  network.inputs = network.inputs.to(*device);
  network.targets = network.targets.to(*device);
  const at::ScalarType compute = dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
  const auto planned = StepOf(network, true, compute), recorded = StepOf(network, false, compute);
  for (int64_t steps = 0; std::cin >> steps;) {
    const double plan = MicrosecondsPerStep(planned, steps);
    std::printf("%.3f %.3f\n", plan, MicrosecondsPerStep(recorded, steps));
    std::fflush(stdout);
  }
  return sink == 12345;
}
