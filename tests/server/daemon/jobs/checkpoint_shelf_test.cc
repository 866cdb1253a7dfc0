#include "server/daemon/jobs/checkpoint_shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "server/daemon/jobs/checkpoint_files.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CheckpointShelfTest : public testing::Test {
 protected:
  // Saves a checkpoint whose file holds its name.
  void Save(int32_t branch, int64_t iteration) {
    const std::string name = absl::StrCat(branch, "-", iteration);
    std::ofstream(rules::CheckpointPath(folder_.path(), name)) << name;
    v1::Event event;
    event.set_branch(branch);
    event.set_revision(++revision_);
    v1::CheckpointSaved& saved = *event.mutable_checkpoint_saved();
    saved.set_checkpoint(name);
    saved.set_iteration(iteration);
    saved.set_sha256("of " + name);
    saved.set_bytes(static_cast<int64_t>(name.size()));
    shelf_.Apply(event);
  }
  static std::string Digest(const std::string& path) {
    std::string text;
    std::ifstream(path) >> text;
    return "of " + text;
  }
  static std::vector<std::string> Names(const std::vector<CheckpointRecord>& records) {
    std::vector<std::string> names;
    for (const CheckpointRecord& record : records) names.push_back(record.name);
    return names;
  }
  std::string Chosen(const std::string& given) {
    const absl::StatusOr<CheckpointRecord> chosen = shelf_.Choose(given, lineage_, durable_);
    return chosen.ok() ? chosen->name : GetErrorDetail(chosen.status()).reason;
  }
  bool Exists(const std::string& name) {
    return std::filesystem::exists(rules::CheckpointPath(folder_.path(), name));
  }

  TestFolder folder_;
  Lineage lineage_;
  CheckpointShelf shelf_{"jobs/a"};
  int64_t revision_ = 0;
  int64_t durable_ = std::numeric_limits<int64_t>::max();
};

TEST_F(CheckpointShelfTest, AnAttemptBeginsFromThePresentHistory) {
  for (const int64_t k : {2, 4, 6}) Save(0, k);
  lineage_.Rewind(4, 1);
  Save(1, 8);
  EXPECT_THAT(Names(shelf_.OfHistory(lineage_)), ElementsAre("1-8", "0-4", "0-2"));
  EXPECT_THAT(Names(shelf_.records()), ElementsAre("0-2", "0-4", "0-6", "1-8"));
}

TEST_F(CheckpointShelfTest, PeopleNameOneByItsNameOrIteration) {
  EXPECT_EQ(Chosen(""), "NO_CHECKPOINT");
  for (const int64_t k : {2, 4, 6}) Save(0, k);
  lineage_.Rewind(4, 1);
  EXPECT_EQ(Chosen(""), "0-4");
  EXPECT_EQ(Chosen("2"), "0-2");
  EXPECT_EQ(Chosen("0-6"), "0-6");  // of a left branch, by its name alone
  EXPECT_EQ(Chosen("6"), "CHECKPOINT_NOT_FOUND");
  EXPECT_THAT(std::string(shelf_.Choose("7", lineage_, durable_).status().message()),
              HasSubstr("jobs/a has no checkpoint 7; it has 0-2, 0-4, 0-6"));
}

TEST_F(CheckpointShelfTest, OneThatIsNotDurableYetIsToldNobody) {
  Save(0, 2);
  durable_ = 0;
  EXPECT_EQ(Chosen(""), "NO_CHECKPOINT");
  durable_ = 1;
  Save(0, 4);
  EXPECT_EQ(Chosen(""), "0-2");
  EXPECT_EQ(Chosen("4"), "CHECKPOINT_NOT_FOUND");
  durable_ = 2;
  EXPECT_EQ(Chosen(""), "0-4");
}

TEST_F(CheckpointShelfTest, OneThatIsAnnouncedAgainIsTheSameByItsDigest) {
  Save(0, 2);
  v1::CheckpointSaved saved;
  saved.set_checkpoint("0-2");
  saved.set_sha256("of 0-2");
  EXPECT_TRUE(shelf_.Has(saved));
  saved.set_sha256("of another");
  EXPECT_FALSE(shelf_.Has(saved));
  Save(0, 2);
  EXPECT_THAT(shelf_.records(), SizeIs(1));
  EXPECT_EQ(shelf_.Find("0-2")->iteration, 2);
  EXPECT_EQ(shelf_.Find("0-3"), nullptr);
}

TEST_F(CheckpointShelfTest, NewerOnesPushOutWhatNobodyNeeds) {
  for (const int64_t k : {1, 2, 3, 4, 5}) Save(0, k);
  shelf_.Hold("0-1");
  EXPECT_THAT(shelf_.TakeSurplus(2, /*needed=*/"0-2", revision_), ElementsAre("0-3"));
  EXPECT_THAT(Names(shelf_.records()), ElementsAre("0-1", "0-2", "0-4", "0-5"));
  shelf_.Hold("0-1");
  shelf_.Release("0-1");
  EXPECT_THAT(shelf_.TakeSurplus(2, "", revision_),
              ElementsAre("0-2"));  // somebody still reads 0-1
  shelf_.Release("0-1");
  EXPECT_THAT(shelf_.TakeSurplus(2, "", revision_), ElementsAre("0-1"));
  EXPECT_THAT(shelf_.TakeSurplus(2, "", revision_), IsEmpty());
}

// A daemon killed before the newest are durable starts from the one before.
TEST_F(CheckpointShelfTest, WhatIsNotDurablePushesNothingOut) {
  for (const int64_t k : {1, 2, 3, 4}) Save(0, k);
  EXPECT_THAT(shelf_.TakeSurplus(1, "", /*durable_revision=*/1), IsEmpty());
  EXPECT_THAT(shelf_.TakeSurplus(1, "", /*durable_revision=*/2), ElementsAre("0-1"));
  EXPECT_EQ(shelf_.Choose("", lineage_, /*durable_revision=*/2)->name, "0-2");
  EXPECT_THAT(shelf_.TakeSurplus(1, "", /*durable_revision=*/4), ElementsAre("0-2", "0-3"));
}

TEST_F(CheckpointShelfTest, TheNewestWhoseFileIsThereIsTaken) {
  for (const int64_t k : {2, 4, 6}) Save(0, k);
  std::filesystem::remove(rules::CheckpointPath(folder_.path(), "0-6"));
  std::ofstream(rules::CheckpointPath(folder_.path(), "0-4")) << "0-5";  // as long, but damaged
  const std::vector<CheckpointRecord> candidates = shelf_.OfHistory(lineage_);
  const Inspection by_size = InspectCheckpoints(folder_.path(), candidates, nullptr);
  EXPECT_EQ(by_size.checkpoint.name, "0-4");
  EXPECT_THAT(by_size.passed_over, ElementsAre("0-6"));
  const Inspection by_digest = InspectCheckpoints(folder_.path(), candidates, Digest);
  EXPECT_EQ(by_digest.checkpoint.name, "0-2");
  EXPECT_THAT(by_digest.passed_over, ElementsAre("0-6", "0-4"));
  const Inspection none = InspectCheckpoints(folder_.path(), {}, Digest);
  EXPECT_EQ(none.checkpoint.iteration, -1);
  EXPECT_EQ(none.checkpoint.name, "");
}

TEST_F(CheckpointShelfTest, WhatWasRemovedAsItWasDueIsForgotten) {
  for (const int64_t k : {1, 2, 3, 4}) Save(0, k);
  RemoveCheckpoints(folder_.path(), {"0-1", "0-4", "0-9"});
  EXPECT_FALSE(Exists("0-1"));
  EXPECT_TRUE(Exists("0-2"));
  ForgetRemoved(folder_.path(), 2, &shelf_);
  // That the newest is gone is for people to be told.
  EXPECT_THAT(Names(shelf_.records()), ElementsAre("0-2", "0-3", "0-4"));
}

TEST_F(CheckpointShelfTest, WhatNobodyWritesAnyMoreIsRemoved) {
  // No process has this number: it is beyond the system's largest.
  const std::string dead = folder_.File("0-4.safetensors.2000000000-0.tmp");
  const std::string alive = folder_.File(absl::StrCat("0-4.safetensors.", getpid(), "-0.tmp"));
  for (const std::string& path : {dead, alive}) std::ofstream(path) << "half";
  Save(0, 2);
  RemoveUnfinished(folder_.path());
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(alive));
  EXPECT_TRUE(Exists("0-2"));
}

}  // namespace
}  // namespace descent::daemon
