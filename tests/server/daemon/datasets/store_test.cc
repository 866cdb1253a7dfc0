#include "server/daemon/datasets/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "proto/rpc_status.h"
#include "tests/server/daemon/datasets/dataset_testing.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Caller& Ana() {
  static const auto& ana = *new Caller{.principal = "ana", .role = Role::kOperator};
  return ana;
}

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string Reason(const absl::Status& status) { return GetErrorDetail(status).reason; }

class DatasetStoreTest : public ::testing::Test {
 protected:
  DatasetStoreTest() { Open(); }

  void Open(int64_t quota = 0) {
    store_.reset();
    auto opened = DatasetStore::Open(
        {.data_dir = folder_.path(), .quota_bytes = quota, .reserve_bytes = 0, .clock = &clock_});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  size_t Uploads() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/uploads")) {
      count += entry.is_directory() ? 1 : 0;
    }
    return count;
  }

  std::string FileOf(const std::string& path) const {
    return folder_.path() + "/datasets/pets/files/" + path;
  }

  const TestFolder folder_;
  TestClock clock_;
  std::unique_ptr<DatasetStore> store_;
  const TestDataset pets_{"pets",
                          {{"cat/1.txt", "meow"}, {"cat/2.txt", ""}, {"dog/1.txt", "woof woof"}}};
};

TEST_F(DatasetStoreTest, WhatWasSentIsThereAndNobodyWritesItAnyMore) {
  const v1::Dataset made = PutDataset(*store_, pets_, "ana", "lab");
  EXPECT_EQ(made.state(), v1::Dataset::READY);
  EXPECT_EQ(made.digest(), Sha256Hex(pets_.manifest));
  EXPECT_EQ(made.files(), 3);
  EXPECT_EQ(made.bytes(), 13);
  EXPECT_EQ(made.owner(), "ana");
  EXPECT_EQ(made.group(), "lab");
  EXPECT_EQ(ReadAll(FileOf("cat/1.txt")), "meow");
  EXPECT_EQ(ReadAll(FileOf("cat/2.txt")), "");
  EXPECT_EQ(ReadAll(FileOf("dog/1.txt")), "woof woof");
  struct stat status{};
  ASSERT_EQ(stat(FileOf("cat/1.txt").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0400U);
  EXPECT_EQ(Uploads(), 0U);
  Open();
  EXPECT_EQ(store_->Get("datasets/pets")->SerializeAsString(), made.SerializeAsString());
  EXPECT_EQ(store_->OwnershipOf("datasets/pets")->group, "lab");
}

TEST_F(DatasetStoreTest, AnUploadGoesOnWhereItStoodWhereverItWasCut) {
  for (size_t cut = 1; cut < pets_.content.size(); cut += 11) {  // each takes a syncfs
    ASSERT_TRUE(store_->Create(Ana(), pets_.CreateRequest()).ok());
    ASSERT_TRUE(store_->Write(pets_.WriteRequest(0, cut)).ok());
    Open();  // the daemon was killed and came back
    const auto resumed = store_->Create(Ana(), pets_.CreateRequest());
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    ASSERT_EQ(resumed->offset(), static_cast<int64_t>(cut));
    EXPECT_EQ(resumed->state(), v1::Dataset::UPLOADING);
    const auto made = store_->Write(pets_.WriteRequest(cut, pets_.content.size() - cut));
    ASSERT_TRUE(made.ok()) << cut << ": " << made.status();
    EXPECT_EQ(made->state(), v1::Dataset::READY);
    ASSERT_EQ(ReadAll(FileOf("dog/1.txt")), "woof woof");
    ASSERT_TRUE(store_->Delete("datasets/pets").ok());
  }
}

TEST_F(DatasetStoreTest, ByteForByteIsTheSame) {
  ASSERT_TRUE(store_->Create(Ana(), pets_.CreateRequest()).ok());
  for (size_t i = 0; i < pets_.content.size(); ++i) {
    ASSERT_TRUE(store_->Write(pets_.WriteRequest(i, 1)).ok()) << i;
  }
  EXPECT_EQ(store_->Get("datasets/pets")->state(), v1::Dataset::READY);
}

TEST_F(DatasetStoreTest, AChunkIsTakenOnceAndInItsPlaceAlone) {
  ASSERT_TRUE(store_->Create(Ana(), pets_.CreateRequest()).ok());
  ASSERT_TRUE(store_->Write(pets_.WriteRequest(0, 40)).ok());
  EXPECT_EQ(store_->Write(pets_.WriteRequest(0, 40))->offset(), 40);  // its answer was lost
  EXPECT_EQ(store_->Write(pets_.WriteRequest(10, 20))->offset(), 40);
  for (const size_t offset : {size_t{39}, size_t{41}}) {
    const absl::Status status = store_->Write(pets_.WriteRequest(offset, 10)).status();
    EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
    EXPECT_EQ(GetErrorDetail(status).metadata["offset"], "40");
  }
  v1::WriteDatasetRequest longer = pets_.WriteRequest(40, pets_.content.size());
  longer.mutable_data()->push_back('x');
  longer.set_crc32(libdeflate_crc32(0, longer.data().data(), longer.data().size()));
  EXPECT_TRUE(absl::IsOutOfRange(store_->Write(longer).status()));
  v1::WriteDatasetRequest damaged = pets_.WriteRequest(40, 10);
  (*damaged.mutable_data())[3] ^= 1;
  EXPECT_EQ(Reason(store_->Write(damaged).status()), "CHECKSUM_MISMATCH");
  const auto made = store_->Write(pets_.WriteRequest(40, pets_.content.size() - 40));
  ASSERT_TRUE(made.ok()) << made.status();
  // The last chunk once more, after it was answered.
  EXPECT_EQ(store_->Write(pets_.WriteRequest(40, 10))->state(), v1::Dataset::READY);
}

TEST_F(DatasetStoreTest, WhatIsNotAsTheManifestSaysIsNoDataset) {
  TestDataset changed = pets_;
  changed.content.back() = '!';  // a file changed while it was sent
  ASSERT_TRUE(store_->Create(Ana(), changed.CreateRequest()).ok());
  const absl::Status status =
      store_->Write(changed.WriteRequest(0, changed.content.size())).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(Reason(status), "CHECKSUM_MISMATCH");
  EXPECT_THAT(std::string(status.message()), HasSubstr("dog/1.txt"));
  EXPECT_TRUE(absl::IsNotFound(store_->Get("datasets/pets").status()));
  EXPECT_EQ(Uploads(), 0U);
  EXPECT_EQ(PutDataset(*store_, pets_, "ana").state(), v1::Dataset::READY);
}

TEST_F(DatasetStoreTest, AWrongManifestEndsTheUpload) {
  const auto refusal = [&](const std::string& manifest, int64_t bytes) {
    TestDataset wrong = pets_;
    wrong.manifest = manifest;
    wrong.content = manifest;
    wrong.bytes = bytes;
    EXPECT_TRUE(store_->Create(Ana(), wrong.CreateRequest()).ok());
    const absl::Status status = store_->Write(wrong.WriteRequest(0, manifest.size())).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(Reason(status), "INVALID_MANIFEST");
    EXPECT_TRUE(absl::IsNotFound(store_->Get("datasets/pets").status()));
    return std::string(status.message());
  };
  const std::string hash(64, 'a');
  EXPECT_THAT(refusal(hash + " 1 ../../descent.db\n", 1), HasSubstr("has a part \"..\""));
  EXPECT_THAT(refusal(hash + " 1 a\n", 2), HasSubstr("have 1 bytes, but 2 were declared"));
  EXPECT_THAT(refusal("rubbish\n", 1), HasSubstr("line 1"));
  EXPECT_EQ(Uploads(), 0U);
}

TEST_F(DatasetStoreTest, ANameHasOneContent) {
  PutDataset(*store_, pets_, "ana");
  const auto again = store_->Create(Ana(), pets_.CreateRequest());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->state(), v1::Dataset::READY);
  EXPECT_EQ(again->offset(), static_cast<int64_t>(pets_.content.size()));
  const TestDataset other("pets", {{"a", "b"}});
  const absl::Status status = store_->Create(Ana(), other.CreateRequest()).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(Reason(status), "DATASET_EXISTS");
}

TEST_F(DatasetStoreTest, AnUploadIsItsOwnersAndAnotherContentBeginsItAnew) {
  const TestDataset other("pets", {{"a", "b"}});
  ASSERT_TRUE(store_->Create(Ana(), other.CreateRequest()).ok());
  const Caller bob{.principal = "bob", .role = Role::kOperator};
  EXPECT_EQ(Reason(store_->Create(bob, pets_.CreateRequest()).status()), "NOT_YOURS");
  const auto anew = store_->Create(Ana(), pets_.CreateRequest());
  ASSERT_TRUE(anew.ok()) << anew.status();
  EXPECT_EQ(anew->offset(), 0);
  EXPECT_EQ(Uploads(), 1U);
  EXPECT_EQ(Reason(store_->Write(other.WriteRequest(0, 5)).status()), "DATASET_NOT_FOUND");
}

TEST_F(DatasetStoreTest, TheQuotaCountsUploadsWhole) {
  const auto size = static_cast<int64_t>(pets_.content.size());
  Open(size + 10);
  ASSERT_TRUE(store_->Create(Ana(), pets_.CreateRequest()).ok());
  const TestDataset more("more", {{"a", "b"}});
  const absl::Status status = store_->Create(Ana(), more.CreateRequest()).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(Reason(status), "QUOTA_EXCEEDED");
  EXPECT_EQ(GetErrorDetail(status).metadata["used_bytes"], std::to_string(size));
  EXPECT_EQ(store_->List().used_bytes(), size);
  EXPECT_EQ(store_->List().quota_bytes(), size + 10);
  ASSERT_TRUE(store_->Delete("datasets/pets").ok());
  EXPECT_TRUE(store_->Create(Ana(), more.CreateRequest()).ok());
}

TEST_F(DatasetStoreTest, WhatIsUsedIsNotDeleted) {
  PutDataset(*store_, pets_, "ana");
  auto use = store_->Use("pets", "", "jobs/x");
  ASSERT_TRUE(use.ok()) << use.status();
  EXPECT_THAT(store_->Get("datasets/pets")->used_by(), ElementsAre("jobs/x"));
  const absl::Status status = store_->Delete("datasets/pets").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(Reason(status), "DATASET_IN_USE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("jobs/x"));
  use->held.reset();
  EXPECT_TRUE(store_->Delete("datasets/pets").ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/datasets/pets"));
  EXPECT_EQ(Uploads(), 0U);
  EXPECT_THAT(std::string(store_->Use("pets", "", "jobs/y").status().message()),
              HasSubstr("there is no dataset datasets/pets"));
}

TEST_F(DatasetStoreTest, WhoUsesADatasetMeansItsDigest) {
  PutDataset(*store_, pets_, "ana");
  EXPECT_TRUE(store_->Use("pets", pets_.digest(), "jobs/x").ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(store_->Use("pets", std::string(64, '0'), "jobs/x").status()));
  ASSERT_TRUE(store_->Delete("datasets/pets").ok());
  ASSERT_TRUE(store_->Create(Ana(), pets_.CreateRequest()).ok());
  EXPECT_THAT(std::string(store_->Use("pets", "", "jobs/x").status().message()),
              HasSubstr("is not complete: 0 of"));
}

TEST_F(DatasetStoreTest, UploadsThatNobodyGoesOnWithExpire) {
  ASSERT_TRUE(store_->Create(Ana(), pets_.CreateRequest()).ok());
  clock_.Advance(DatasetStore::kExpiryNanos - 1);
  ASSERT_TRUE(store_->Write(pets_.WriteRequest(0, 10)).ok());
  clock_.Advance(DatasetStore::kExpiryNanos);
  const TestDataset other("other", {{"a", "b"}});
  ASSERT_TRUE(store_->Create(Ana(), other.CreateRequest()).ok());
  EXPECT_TRUE(store_->Get("datasets/pets").ok());
  clock_.Advance(1);
  EXPECT_EQ(store_->Create(Ana(), pets_.CreateRequest())->offset(), 0);
  EXPECT_EQ(store_->List().datasets_size(), 2);
}

TEST_F(DatasetStoreTest, WhatAKillLeftIsRemoved) {
  std::filesystem::create_directories(folder_.path() + "/uploads/deleted-7/files");
  std::filesystem::create_directories(folder_.path() + "/uploads/pets-1");
  Open();
  EXPECT_EQ(Uploads(), 0U);
}

TEST_F(DatasetStoreTest, ANameThatIsNearIsNamed) {
  PutDataset(*store_, pets_, "ana");
  EXPECT_THAT(std::string(store_->Get("datasets/pest").status().message()),
              HasSubstr("datasets/pets"));
}

}  // namespace
}  // namespace descent::daemon
