#include "server/daemon/launch/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace descent::daemon {
namespace {

using testing::HasSubstr;

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    std::string name = "/tmp/descent-secrets-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~SecretsTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(SecretsTest, TheNextDaemonOfTheFolderKnowsTheSameSecrets) {
  const auto first = Secrets::Open(folder_ + "/key");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Secrets::Open(folder_ + "/key");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->Of("worker/w1"), second->Of("worker/w1"));
  EXPECT_TRUE(second->IsSecretOf("worker/w1", first->Of("worker/w1")));
  const auto elsewhere = Secrets::Open(folder_ + "/other");
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  EXPECT_FALSE(elsewhere->IsSecretOf("worker/w1", first->Of("worker/w1")));
}

TEST_F(SecretsTest, EachNameHasItsOwn) {
  const auto secrets = Secrets::Open(folder_ + "/key");
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  const std::string secret = secrets->Of("worker/w1");
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_FALSE(secrets->IsSecretOf("worker/w2", secret));
  EXPECT_FALSE(secrets->IsSecretOf("program/w1", secret));
  EXPECT_FALSE(secrets->IsSecretOf("worker/w1", ""));
  EXPECT_FALSE(secrets->IsSecretOf("worker/w1", secret.substr(1)));
}

// The algorithm is RFC 4231's, the key being the file's 64 digits.
TEST_F(SecretsTest, IsHmacSha256) {
  std::ofstream(folder_ + "/key") << std::string(64, 'a') << "\n";
  const auto secrets = Secrets::Open(folder_ + "/key");
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  EXPECT_EQ(secrets->Of("worker/w1"),
            "ec4bde6280c152d3a1e4e9338b316c8abd4d3aeca1c63cdcbb91732981780972");
}

TEST_F(SecretsTest, TheKeyIsItsOwnersAlone) {
  ASSERT_TRUE(Secrets::Open(folder_ + "/key").ok());
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder_ + "/key").permissions(),
            perms::owner_read | perms::owner_write);
}

// A file that was cut short is no key.
TEST_F(SecretsTest, AKeyThatIsNoneIsReplaced) {
  std::ofstream(folder_ + "/key") << "abc";
  ASSERT_TRUE(Secrets::Open(folder_ + "/key").ok());
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/key"), 65U);
}

// The start waited for ever for somebody to write to it.
TEST_F(SecretsTest, AFileThatIsTooLongForAKeyIsReplacedUnread) {
  ASSERT_TRUE(Secrets::Open(folder_ + "/key").ok());
  std::filesystem::resize_file(folder_ + "/key", uintmax_t{1} << 40);
  EXPECT_TRUE(Secrets::Open(folder_ + "/key").ok());
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/key"), 65U);
}

TEST_F(SecretsTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo((folder_ + "/key").c_str(), 0600), 0);
  const auto secrets = Secrets::Open(folder_ + "/key");
  EXPECT_EQ(secrets.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(secrets.status().message()),
            folder_ +
                "/key is a FIFO, not a file: move it away; if there was a file of this name, put "
                "it back");
}

TEST_F(SecretsTest, WhatIsInThePlaceOfAnUnfinishedFileIsReplaced) {
  ASSERT_EQ(::mkfifo((folder_ + "/key.new").c_str(), 0600), 0);
  EXPECT_TRUE(Secrets::Open(folder_ + "/key").ok());
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/key"), 65U);
}

TEST_F(SecretsTest, AFileThatCantBeMadeIsNamed) {
  const auto secrets = Secrets::Open(folder_ + "/nowhere/key");
  EXPECT_EQ(secrets.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(secrets.status().message()), HasSubstr(folder_ + "/nowhere/key"));
}

}  // namespace
}  // namespace descent::daemon
