#include "client/cpp/dataset_upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "core/digest/sha256.h"
#include "tests/client/fake/fake_stub.h"

namespace descent::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DatasetUploadTest : public ::testing::Test {
 protected:
  DatasetUploadTest() {
    std::string folder = std::filesystem::temp_directory_path() / "dataset-XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~DatasetUploadTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = folder_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
  }

  std::filesystem::path folder_;
};

TEST_F(DatasetUploadTest, AFileIsADatasetOfOne) {
  const std::string table = Write("a/train.csv", "x,y\n1,2\n");
  const auto dataset = ReadLocalDataset(table);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->manifest, Sha256Hex("x,y\n1,2\n") + " 8 train.csv\n");
  EXPECT_EQ(dataset->digest, Sha256Hex(dataset->manifest));
  EXPECT_EQ(dataset->bytes, 8);
  EXPECT_THAT(dataset->sources, ElementsAre(table));
}

TEST_F(DatasetUploadTest, AFolderIsItsFilesInTheOrderOfTheirPathsBytes) {
  Write("f/b/1.png", "1");
  Write("f/b.txt", "2");
  Write("f/.hidden", "3");
  Write("f/.git/x", "4");
  Write("f/B", "");
  std::filesystem::create_symlink(folder_ / "f/b.txt", folder_ / "f/link");
  int64_t done = 0;
  const auto dataset = ReadLocalDataset(folder_ / "f", [&](int64_t now, int64_t all) {
    EXPECT_LE(done, now);
    EXPECT_EQ(all, 3);
    done = now;
  });
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->files.size(), 4U);
  EXPECT_EQ(dataset->files[0].path, "B");
  EXPECT_EQ(dataset->files[1].path, "b.txt");
  EXPECT_EQ(dataset->files[2].path, "b/1.png");
  EXPECT_EQ(dataset->files[3].path, "link");
  EXPECT_EQ(done, 3);
}

TEST_F(DatasetUploadTest, WhatCannotBeSentIsNamed) {
  const auto refusal = [](const std::string& path) {
    return std::string(ReadLocalDataset(path).status().message());
  };
  EXPECT_TRUE(absl::IsNotFound(ReadLocalDataset(folder_ / "none").status()));
  std::filesystem::create_directories(folder_ / "empty");
  EXPECT_THAT(refusal(folder_ / "empty"), HasSubstr("has no files"));
  Write("odd/a\nb", "x");
  EXPECT_THAT(refusal(folder_ / "odd"), HasSubstr("has a control character"));
  Write("fifo/a", "x");
  ASSERT_EQ(mkfifo((folder_ / "fifo/b").c_str(), 0600), 0);
  EXPECT_THAT(refusal(folder_ / "fifo"), HasSubstr("neither a file nor a folder"));
  Write("links/a", "x");
  std::filesystem::create_directory_symlink(folder_ / "odd", folder_ / "links/b");
  EXPECT_THAT(refusal(folder_ / "links"), HasSubstr("is a link to a folder"));
}

TEST_F(DatasetUploadTest, ARefusalEndsItAndAServerThatIsAwayDoesAfterAWhile) {
  const auto dataset = ReadLocalDataset(Write("a.csv", "x"));
  ASSERT_TRUE(dataset.ok());
  FakeStub::Script script{.answers = {absl::PermissionDeniedError("no")}};
  FakeClock clock;
  const Client client({}, std::make_unique<FakeStub>(&script), &clock);
  const auto upload = [&] {
    return UploadDataset(client, "datasets/a", "", *dataset, nullptr, &clock).status();
  };
  EXPECT_TRUE(absl::IsPermissionDenied(upload()));
  EXPECT_THAT(script.calls, ElementsAre("CreateDataset"));
  script.calls.clear();
  script.answers.assign(10'000, absl::UnavailableError("connection refused"));
  EXPECT_TRUE(absl::IsUnavailable(upload()));
  EXPECT_THAT(script.calls, Each("CreateDataset"));
  // An answer that makes no sense is not waited upon for ever.
  script.answers.clear();
  EXPECT_TRUE(absl::IsInternal(upload()));
}

}  // namespace
}  // namespace descent::client
