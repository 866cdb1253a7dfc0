#include "server/daemon/audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() { Open(); }

  void Open() {
    log_.reset();
    auto opened = AuditLog::Open(path_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    log_ = *std::move(opened);
  }

  static v1::AuditEntry Entry(const std::string& principal, const std::string& method,
                              const std::string& job = "") {
    v1::AuditEntry entry;
    entry.set_principal(principal);
    entry.set_method(method);
    entry.set_job(job);
    return entry;
  }

  // Gives what was done, in order: `ann DeleteJob`, with how many an entry stands for.
  std::vector<std::string> Read(const std::vector<std::string>& words = {}) const {
    std::vector<std::string> all;
    absl::Status status = log_->Read(words, [&](AuditLog::Record&& record) {
      for (const v1::AuditEntry& entry : record.entries()) {
        all.push_back(entry.principal() + " " + entry.method() +
                      (entry.count() > 0 ? " " + std::to_string(entry.count()) : ""));
      }
    });
    EXPECT_TRUE(status.ok()) << status;
    return all;
  }

  std::string Text() const {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  TestFolder folder_;
  TestClock clock_;
  const std::string path_ = folder_.File("audit.jsonl");
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditLogTest, KeepsRecordsInOrderOverARestart) {
  log_->Add(Entry("ann", "CreateToken"));
  AuditLog::Record record;
  *record.add_entries() = Entry("ann", "CreateJob", "jobs/x");
  *record.add_entries() = Entry("bob", "DeleteJob", "jobs/x");
  log_->Add(record);
  const std::vector<std::string> all = {"ann CreateToken", "ann CreateJob", "bob DeleteJob"};
  EXPECT_EQ(Read(), all);
  Open();
  EXPECT_EQ(Read(), all);
  EXPECT_THAT(Read({"\"jobs/x\""}), ElementsAre("ann CreateJob", "bob DeleteJob"));
  EXPECT_THAT(Read({"\"jobs/y\""}), IsEmpty());
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_THAT(Text(), HasSubstr("\"time_unix_nanos\":\"1000000000\""));
}

TEST_F(AuditLogTest, WhatWasCutShortIsTakenAway) {
  log_->Add(Entry("ann", "CreateToken"));
  log_.reset();
  std::ofstream(path_, std::ios::app) << R"({"entries":[{"princ)";
  Open();
  log_->Add(Entry("bob", "RevokeToken"));
  EXPECT_THAT(Read(), ElementsAre("ann CreateToken", "bob RevokeToken"));
}

TEST_F(AuditLogTest, ALineThatCantBeReadIsNamed) {
  log_->Add(Entry("ann", "CreateToken"));
  log_.reset();
  std::ofstream(path_, std::ios::app) << "what\n";
  Open();
  const absl::Status status = log_->Read({}, [](AuditLog::Record&&) {});
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 2 of " + path_));
}

TEST_F(AuditLogTest, RefusalsAreCountedByWhoAndWhat) {
  for (int i = 0; i < 1000; ++i) log_->AddRefusal(Entry("", ""));
  log_->AddRefusal(Entry("vic", "CommandJob"));
  log_->AddRefusal(Entry("vic", "CommandJob"));
  log_->AddRefusal(Entry("vic", "DeleteJob"));
  // The first of each is told at once, the others by what waits.
  EXPECT_THAT(Read(), testing::UnorderedElementsAre("  1", "  999", "vic CommandJob 1",
                                                    "vic CommandJob 1", "vic DeleteJob 1"));
  clock_.Advance(AuditLog::kRefusalNanos);
  log_->AddRefusal(Entry("vic", "CommandJob"));
  Open();  // what waits is written at the end
  EXPECT_THAT(Read(), testing::UnorderedElementsAre("  1", "  999", "vic CommandJob 1",
                                                    "vic CommandJob 2", "vic DeleteJob 1"));
}

TEST_F(AuditLogTest, ManyWhoAreRefusedTakeNoMoreRoom) {
  for (size_t i = 0; i < 10 * AuditLog::kMaxRefused; ++i) {
    log_->AddRefusal(Entry("p" + std::to_string(i), "CommandJob"));
  }
  EXPECT_LE(Read().size(), AuditLog::kMaxRefused + 2);
}

TEST_F(AuditLogTest, IsARegularFile) {
  log_.reset();
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("/dev/full", path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(AuditLog::Open(path_, &clock_).status()));
}

}  // namespace
}  // namespace descent::daemon
