#include "tests/benchmarks/workloads.h"

#include <cmath>
#include <fstream>
#include <random>

namespace descent::benchmarks {
namespace {

constexpr int64_t kExamples = 8192;
constexpr int64_t kClasses = 10;

// Writes the idx format: two zeros, the type (8: unsigned byte), the rank, the sizes, the bytes.
void WriteIdx(const std::string& path, const std::vector<int64_t>& shape, int limit) {
  std::string bytes = {0, 0, 8, static_cast<char>(shape.size())};
  int64_t count = 1;
  for (const int64_t size : shape) {
    count *= size;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
  }
  std::mt19937 random(1);
  for (int64_t i = 0; i < count; ++i) bytes += static_cast<char>(random() % limit);
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

Workload TinyMlp() { return {"tiny MLP 64-32-32-10", 64, {32, 32}, 64}; }

Workload MillisecondMlp() { return {"MLP 784-192-128-10", 784, {192, 128}, 128}; }

v1::Spec MakeSpec(const Workload& workload, const std::string& folder) {
  const int64_t side = std::lround(std::sqrt(workload.inputs));
  const std::string stem = folder + "/" + std::to_string(workload.inputs);
  WriteIdx(stem + "-inputs", {kExamples, side, side}, 256);
  WriteIdx(stem + "-targets", {kExamples}, kClasses);

  v1::Spec spec;
  auto* layers = spec.mutable_model()->mutable_sequential();
  layers->add_layers()->mutable_flatten();
  for (const int64_t width : workload.hidden) {
    layers->add_layers()->mutable_linear()->set_out_features(width);
    layers->add_layers()->mutable_relu();
  }
  layers->add_layers()->mutable_linear()->set_out_features(kClasses);
  spec.mutable_objective()->mutable_cross_entropy();
  spec.mutable_optimizer()->mutable_adam()->mutable_step_size()->set_constant(1e-9);
  v1::IdxFiles* idx = spec.mutable_data()->mutable_train()->mutable_idx();
  idx->set_inputs(stem + "-inputs");
  idx->set_targets(stem + "-targets");
  spec.mutable_data()->set_batch_size(workload.batch_size);
  spec.set_iterations(1'000'000'000);
  spec.set_seed(1);
  spec.mutable_checkpoints()->set_every_iterations(0);
  spec.mutable_execution()->set_threads(1);
  return spec;
}

}  // namespace descent::benchmarks
