#include "server/common/regular_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace descent::server {
namespace {

using testing::HasSubstr;

constexpr size_t kMost = 10'000;

class RegularFileTest : public testing::Test {
 protected:
  RegularFileTest() {
    std::string name = "/tmp/descent-file-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~RegularFileTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(RegularFileTest, IsReadWhole) {
  const std::string text(10'000, 'x');
  std::ofstream(folder_ + "/a") << text;
  std::filesystem::create_symlink(folder_ + "/a", folder_ + "/link");
  EXPECT_EQ(*ReadRegularFile(folder_ + "/a", kMost), text);
  EXPECT_EQ(*ReadRegularFile(folder_ + "/link", kMost), text);
  EXPECT_TRUE(CheckRegularFile(folder_ + "/link").ok());
}

TEST_F(RegularFileTest, IsReadNoFurtherThanItMayBeLong) {
  std::ofstream(folder_ + "/a") << std::string(kMost + 1, 'x');
  std::filesystem::resize_file(folder_ + "/a", uintmax_t{1} << 40);
  const absl::Status status = ReadRegularFile(folder_ + "/a", kMost).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(std::string(status.message()), folder_ + "/a is longer than it can be, 10000 bytes");
}

TEST_F(RegularFileTest, OneThatIsNotThereIsNotFound) {
  EXPECT_TRUE(CheckRegularFile(folder_ + "/a").ok());
  EXPECT_EQ(ReadRegularFile(folder_ + "/a", kMost).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RegularFileTest, WhatIsSomethingElseIsSaidAndNeverWaitedFor) {
  ASSERT_EQ(::mkfifo((folder_ + "/a").c_str(), 0600), 0);
  const absl::Status status = CheckRegularFile(folder_ + "/a");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/a is a FIFO, not a file: move it away"));
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_CREAT | O_WRONLY | O_APPEND}) {
    EXPECT_EQ(OpenRegularFile(folder_ + "/a", flags, 0600).status(), status) << flags;
  }
  for (const std::string& other : {std::string("/dev/null"), folder_}) {
    for (const int flags : {O_RDONLY, O_WRONLY}) {
      EXPECT_EQ(OpenRegularFile(other, flags).status(), CheckRegularFile(other)) << other;
    }
  }
  EXPECT_THAT(std::string(ReadRegularFile(folder_, kMost).status().message()),
              HasSubstr("is a folder"));
}

}  // namespace
}  // namespace descent::server
