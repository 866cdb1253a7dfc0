#include "server/worker/bridge/data_digests.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/safetensors.h"
#include "core/data/data_roots.h"
#include "server/worker/bridge/prepare.h"
#include "tests/server/worker/bridge/prepare_fixture.h"

namespace descent::worker {
namespace {

// What a model begins with is an input, as the data are.
TEST_F(PrepareTest, AModelsFilesAreInTheDigestsAndInTheRoots) {
  const std::string path = folder_ + "/start.safetensors";
  const absl::StatusOr<SavedFile> saved =
      WriteSafetensors(path, {.tensors = {{"hidden.weight", at::ones({4, 3})}}, .metadata = {}});
  ASSERT_TRUE(saved.ok()) << saved.status();
  api::Spec spec = Spec();
  api::Initializer* start = spec.mutable_model()
                                ->mutable_sequential()
                                ->mutable_layers(0)
                                ->mutable_linear()
                                ->mutable_weight_init();
  start->mutable_file()->set_path(path);
  const std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result)) << FirstViolation(spec) << description_;
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  ASSERT_EQ(summary.digests_size(), 2);
  EXPECT_EQ(summary.digests(0).path(), path);
  EXPECT_EQ(summary.digests(0).sha256(), saved->sha256);

  const std::string field = "model.sequential.layers[0].linear.weight_init.file.path ";
  start->mutable_file()->set_path(folder_ + "/none");
  EXPECT_EQ(FirstViolation(spec), field + "FILE_NOT_FOUND");
  // Outside the roots nobody finds out whether it is there.
  const absl::StatusOr<DataRoots> roots = DataRoots::Create({"/usr/share"});
  ASSERT_TRUE(roots.ok()) << roots.status();
  DataCache confined(*roots);
  start->mutable_file()->set_path(path);
  const auto refused = Prepare(spec, &confined);
  ASSERT_TRUE(std::holds_alternative<Violations>(refused));
  const Violation& first = std::get<Violations>(refused).list().front();
  EXPECT_EQ(first.field + " " + first.reason, field + "FILE_UNREADABLE");
}

TEST_F(PrepareTest, NoticesThatDataHasChanged) {
  std::variant<Prepared, Violations> before = Prepare(Spec(), &cache_);
  const api::SpecSummary summary = std::get<Prepared>(before).summary;
  EXPECT_TRUE(CheckDigests(std::get<Prepared>(before).summary, summary).ok());
  std::ofstream(table_, std::ios::app) << "1,1,1,1\n";
  std::variant<Prepared, Violations> after = Prepare(Spec(), &cache_);
  EXPECT_EQ(std::get<Prepared>(after).summary.train_examples(), 101);
  const absl::Status status = CheckDigests(std::get<Prepared>(after).summary, summary);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(table_ + " has changed"), absl::string_view::npos);
}

TEST_F(PrepareTest, NoticesThatDataThatCanNotBePreparedHaveChanged) {
  std::variant<Prepared, Violations> before = Prepare(Spec(), &cache_);
  const api::SpecSummary summary = std::get<Prepared>(before).summary;
  EXPECT_TRUE(CheckFiles(summary, {}).ok());
  Write("table.csv", "a,b,label,y\n1,2\n");
  EXPECT_EQ(FirstViolation(Spec()), "data.train.csv.path INVALID_DATA");
  absl::Status status = CheckFiles(summary, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(table_ + " has changed"), absl::string_view::npos);
  Write("table.csv", "");
  EXPECT_EQ(CheckFiles(summary, {}).code(), absl::StatusCode::kDataLoss);
  // One that is not there need not be another.
  std::remove(table_.c_str());
  EXPECT_TRUE(CheckFiles(summary, {}).ok());
}

}  // namespace
}  // namespace descent::worker
