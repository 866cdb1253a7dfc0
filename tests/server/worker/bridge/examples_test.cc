// Takes every example's spec through the built job and back: it is resolved, printed, read again,
// built, and read out of the checkpoint.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/cpp/spec_text.h"
#include "core/data/batches.h"
#include "core/model/layers.h"
#include "core/objective/gradient.h"
#include "core/objective/loss_sum.h"
#include "core/objective/supervised_objective.h"
#include "core/train/checkpoint.h"
#include "core/train/trainer.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/prepare.h"

namespace descent::worker {
namespace {

std::vector<std::string> Examples() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator("client/examples")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  return files;
}

Prepared PrepareOrFail(const api::Spec& spec, DataCache* cache) {
  std::variant<Prepared, Violations> result = Prepare(spec, cache);
  if (const auto* violations = std::get_if<Violations>(&result)) {
    const Violation& first = violations->list().front();
    ADD_FAILURE() << first.field << ": " << first.description;
    return {};
  }
  return std::get<Prepared>(std::move(result));
}

class ExamplesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ExamplesTest, SpecRoundTripsThroughTheBuiltJob) {
  const auto written = client::ReadSpecFile(GetParam(), {});
  ASSERT_TRUE(written.ok()) << written.status();
  DataCache cache;
  Prepared prepared = PrepareOrFail(*written, &cache);
  const api::Spec resolved = prepared.spec;

  const auto read = client::ParseSpec(client::PrintSpec(resolved), "printed.yaml");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->DebugString(), resolved.DebugString());
  EXPECT_EQ(PrepareOrFail(*read, &cache).spec.DebugString(), resolved.DebugString());

  const auto trainer = MakeTrainer(std::move(prepared));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto boundary = (*trainer)->Current();
  ASSERT_TRUE(boundary.ok()) << boundary.status();
  const char* given = std::getenv("TEST_TMPDIR");
  std::string folder = std::string(given ? given : "/tmp") + "/examples.XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/run.safetensors";
  const auto saved = (*trainer)->Save(path, 1, (*trainer)->Snapshot());
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto checkpoint = LoadCheckpoint(path, saved->sha256);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  api::Spec kept;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(checkpoint->info.spec, &kept));
  EXPECT_EQ(kept.DebugString(), resolved.DebugString());
}

// They must agree in float64, at the starting point and on three batches.
TEST_P(ExamplesTest, PlanAndAutogradAgree) {
  auto written = client::ReadSpecFile(GetParam(), {});
  ASSERT_TRUE(written.ok()) << written.status();
  // Neither has a plan.
  if (written->has_system() || written->objective().has_function()) return;
  written->mutable_execution()->set_dtype(api::Execution::FLOAT64);
  DataCache cache;
  Prepared prepared = PrepareOrFail(*written, &cache);
  const api::Spec& spec = prepared.spec;
  const at::Tensor inputs = prepared.train.inputs;
  const auto built = BuildModel({.root = ToLayerOptions(spec.model()),
                                 .input_shape = inputs.sizes().slice(1).vec(),
                                 .input_dtype = inputs.scalar_type(),
                                 .dtype = at::kDouble,
                                 .seed = spec.seed()});
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_TRUE(built->layers.back().plan) << "falls back to autograd";
  auto made = Batches::Create(prepared.train, ToBatchOptions(spec));
  ASSERT_TRUE(made.ok()) << made.status();
  const std::shared_ptr<Batches> batches = *std::move(made);
  const auto provider = [batches](int64_t k) { return batches->At(k); };
  const LossSum loss = ToLossSum(spec.objective());
  LossSum without_plan = loss;
  for (LossTerm& term : without_plan.terms) term.loss.plan = nullptr;
  SupervisedObjective planned(loss, provider), recorded(without_plan, provider);
  const Model x = built->model, y = x;
  for (const int64_t k : {0, 1, 2}) {
    planned.seek(k);
    const auto [g, value] = gradient(planned, x);
    recorded.seek(k);
    const auto [expected, expected_value] = gradient(recorded, y);
    EXPECT_NEAR(value, expected_value, 1e-12 * (1 + std::abs(expected_value)));
    EXPECT_GT(norm(expected), 0);
    EXPECT_LE(norm(g - expected), 1e-12 * norm(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExamplesTest, ::testing::ValuesIn(Examples()), [](const auto& info) {
  return std::filesystem::path(info.param).stem().string();
});

}  // namespace
}  // namespace descent::worker
