// Tests what deleting jobs leaves: room in the file, and folders to remove.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "server/daemon/journal/check.h"
#include "tests/server/daemon/journal/journal_testing.h"
#include "tests/server/daemon/journal/store_fixture.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using DeletionTest = StoreTest;

TEST_F(DeletionTest, TheFileShrinksAfterADeletion) {
  for (int i = 0; i < 10; ++i) {
    std::shared_ptr<JobJournal> job = Create("big" + std::to_string(i));
    ASSERT_TRUE(AppendAndWait(*job, MakeIterations(0, 20'000)).ok());
  }
  const std::shared_ptr<JobJournal> job = Create("small");
  Open();  // what the log has is in the file
  const std::shared_ptr<JobJournal> small = Job("small");
  const auto size = [&] { return static_cast<int64_t>(std::filesystem::file_size(path_)); };
  ASSERT_GT(size(), 6'000'000);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(journal_->DeleteJob("big" + std::to_string(i)).ok());
  // It goes on between commits.
  for (int i = 0; i < 1000 && size() > 2'500'000; ++i) {
    ASSERT_TRUE(AppendAndWait(*small, {MakeNotice("waiting")}).ok());
  }
  EXPECT_LE(size(), 2'500'000);
  EXPECT_TRUE(CheckStore(path_)->whole());
}

TEST_F(DeletionTest, FoldersOfDeletedJobsAreKnownUntilTheyAreForgotten) {
  EXPECT_TRUE(journal_->is_new());
  Create("a");
  Create("b");
  EXPECT_FALSE(journal_->is_new());
  EXPECT_TRUE(journal_->DeleteJob("a").ok());
  EXPECT_TRUE(journal_->DeleteJob("b").ok());
  Open();
  EXPECT_FALSE(journal_->is_new());
  EXPECT_THAT(*journal_->FoldersToRemove(), ElementsAre("a", "b"));
  journal_->ForgetFolder("b");
  Create("a");  // the folder is this one's now
  Open();
  EXPECT_THAT(*journal_->FoldersToRemove(), IsEmpty());
}

}  // namespace
}  // namespace descent::daemon
