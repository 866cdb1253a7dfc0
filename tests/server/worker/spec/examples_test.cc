// Every example's spec goes through the built job and back: resolved, printed, read again, built,
// and out of the checkpoint.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/cpp/spec_text.h"
#include "core/train/checkpoint.h"
#include "core/train/trainer.h"
#include "server/worker/spec/data_cache.h"
#include "server/worker/spec/prepare.h"

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
  const auto saved = (*trainer)->Save(folder, 1, (*trainer)->Snapshot());
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto checkpoint =
      LoadCheckpoint(CheckpointPath(folder, CheckpointName(1, 0)), saved->sha256);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  api::Spec kept;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(checkpoint->info.spec, &kept));
  EXPECT_EQ(kept.DebugString(), resolved.DebugString());
}

INSTANTIATE_TEST_SUITE_P(All, ExamplesTest, ::testing::ValuesIn(Examples()), [](const auto& info) {
  return std::filesystem::path(info.param).stem().string();
});

}  // namespace
}  // namespace descent::worker
