#include "server/daemon/datasets/spec_datasets.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proto/rpc_status.h"
#include "tests/server/daemon/datasets/dataset_testing.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

v1::Spec SpecOf(const std::string& text) {
  v1::Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return spec;
}

class SpecDatasetsTest : public ::testing::Test {
 protected:
  SpecDatasetsTest() {
    store_ = *DatasetStore::Open({.data_dir = folder_.path(), .reserve_bytes = 0});
    PutDataset(*store_, one_, "ana");
    PutDataset(*store_, pets_, "ana");
  }

  // Gives the resolved spec.
  v1::Spec Resolve(const std::string& text) {
    v1::Spec spec = SpecOf(text);
    const absl::Status status = ResolveDatasets(store_.get(), "jobs/x", &spec, &held_);
    EXPECT_TRUE(status.ok()) << status;
    return spec;
  }

  // Gives `FIELD REASON` of the refusal.
  std::string Refusal(const std::string& text, std::string* message = nullptr) {
    v1::Spec spec = SpecOf(text);
    const absl::Status status = ResolveDatasets(store_.get(), "jobs/x", &spec, &held_);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << ": " << status;
    const ErrorDetail detail = GetErrorDetail(status);
    if (message != nullptr) *message = std::string(status.message());
    return detail.violations.empty() ? "" : detail.violations[0].field + " " + detail.reason;
  }

  const TestFolder folder_;
  const TestDataset one_{"titanic", {{"train.csv", "a,y\n1,0\n"}}};
  const TestDataset pets_{"pets", {{"cat/1.png", "1"}, {"dog/1.png", "2"}, {"pets.csv", "3"}}};
  std::unique_ptr<DatasetStore> store_;
  std::vector<DatasetUse> held_;
};

TEST_F(SpecDatasetsTest, ThePathThatIsClearMayBeLeftOut) {
  const v1::Spec spec = Resolve(
      "data { train { dataset: 'titanic' csv { targets: 'y' } } "
      "test { dataset: 'pets' image_folder {} } }");
  EXPECT_EQ(spec.data().train().csv().path(), "train.csv");
  EXPECT_EQ(spec.data().train().dataset_digest(), one_.digest());
  EXPECT_EQ(spec.data().test().image_folder().path(), ".");
  EXPECT_EQ(spec.data().test().dataset_digest(), pets_.digest());
  EXPECT_EQ(held_.size(), 2U);
  EXPECT_FALSE(store_->Delete("datasets/pets").ok());
}

TEST_F(SpecDatasetsTest, OfAWorkerThePathsAreAbsoluteAndOfPeopleRelative) {
  const v1::Spec resolved = Resolve(
      "data { train { dataset: 'pets' image_folder { path: 'cat' } } "
      "test { dataset: 'pets' image_folder {} } } "
      "system { players { data { train { dataset: 'pets' csv { path: 'pets.csv' } } } } }");
  v1::Spec spec = resolved;
  LocateDatasets(store_->folder(), &spec);
  const std::string files = folder_.path() + "/datasets/pets/files";
  EXPECT_EQ(spec.data().train().image_folder().path(), files + "/cat");
  EXPECT_EQ(spec.data().test().image_folder().path(), files);
  EXPECT_EQ(spec.system().players(0).data().train().csv().path(), files + "/pets.csv");
  const std::string located = spec.SerializeAsString();
  LocateDatasets(store_->folder(), &spec);
  EXPECT_EQ(spec.SerializeAsString(), located);
  UnlocateDatasets(store_->folder(), &spec);
  EXPECT_EQ(spec.SerializeAsString(), resolved.SerializeAsString());

  v1::SpecSummary summary;
  summary.add_digests()->set_path(files + "/pets.csv");
  summary.add_digests()->set_path(files);
  summary.add_digests()->set_path("/data/other.csv");
  v1::SpecSummary stored = summary;
  UnlocateDatasets(store_->folder(), &stored);
  EXPECT_EQ(stored.digests(0).path(), "datasets/pets/pets.csv");
  EXPECT_EQ(stored.digests(1).path(), "datasets/pets");
  EXPECT_EQ(stored.digests(2).path(), "/data/other.csv");
  LocateDatasets(store_->folder(), &stored);
  EXPECT_EQ(stored.SerializeAsString(), summary.SerializeAsString());
}

TEST_F(SpecDatasetsTest, ARefusalNamesTheFieldAndWhatWasMeant) {
  std::string message;
  EXPECT_EQ(Refusal("data { train { dataset: 'titanik' csv {} } }", &message),
            "data.train.dataset DATASET_NOT_FOUND");
  EXPECT_THAT(message, HasSubstr("datasets/titanic"));
  EXPECT_EQ(Refusal("data { train { dataset: '../x' csv {} } }"),
            "data.train.dataset INVALID_NAME");
  EXPECT_EQ(Refusal("data { train { dataset_digest: 'x' csv {} } }"),
            "data.train.dataset INVALID_NAME");
  EXPECT_EQ(Refusal("data { train { dataset: 'pets' csv {} } }", &message),
            "data.train.csv.path MISSING_FIELD");
  EXPECT_THAT(message, HasSubstr("cat/1.png, dog/1.png, pets.csv"));
  EXPECT_EQ(Refusal("data { train { dataset: 'pets' csv { path: 'pest.csv' } } }", &message),
            "data.train.csv.path FILE_NOT_FOUND");
  EXPECT_THAT(message, HasSubstr("did you mean `pets.csv`"));
  EXPECT_EQ(Refusal("data { train { dataset: 'pets' csv { path: '/etc/passwd' } } }"),
            "data.train.csv.path INVALID_PATH");
  EXPECT_EQ(
      Refusal("data { train { dataset: 'pets' csv { path: '../titanic/files/train.csv' } } }"),
      "data.train.csv.path INVALID_PATH");
  EXPECT_EQ(Refusal("data { train { dataset: 'pets' csv { path: 'cat' } } }"),
            "data.train.csv.path FILE_NOT_FOUND");
  EXPECT_EQ(Refusal("data { train { dataset: 'pets' linear {} } }"), "data.train.dataset CONFLICT");
  EXPECT_EQ(Refusal("data { train { dataset: 'pets' } }"), "data.train MISSING_FIELD");
  EXPECT_EQ(Refusal("data { train { dataset: 'titanic' dataset_digest: '" + pets_.digest() +
                    "' csv {} } }"),
            "data.train.dataset DATASET_EXISTS");
}

TEST_F(SpecDatasetsTest, WhatIsGoneIsToldAndTheRestIsHeld) {
  const v1::Spec spec = Resolve(
      "data { train { dataset: 'titanic' csv {} } test { dataset: 'pets' image_folder {} } }");
  held_.clear();
  ASSERT_TRUE(store_->Delete("datasets/titanic").ok());
  const absl::Status status = HoldDatasets(store_.get(), "jobs/x", spec, &held_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("datasets/titanic"));
  EXPECT_EQ(held_.size(), 1U);
  PutDataset(*store_, one_, "ana");  // the same once more
  EXPECT_TRUE(HoldDatasets(store_.get(), "jobs/x", spec, &held_).ok());
}

TEST_F(SpecDatasetsTest, SpecsWithoutDatasetsAreLeftAlone) {
  const v1::Spec spec = Resolve("data { train { csv { path: '/data/a.csv' } } }");
  EXPECT_EQ(spec.data().train().csv().path(), "/data/a.csv");
  EXPECT_TRUE(held_.empty());
}

}  // namespace
}  // namespace descent::daemon
