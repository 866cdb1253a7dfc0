// Tests of the command predict.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/app.h"
#include "client/cli/io.h"
#include "proto/rpc_status.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <class T>
std::string BytesOf(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

class CliPredictTest : public CliTest {
 protected:
  // The service answers with two rows of two scores, cut into pieces anywhere.
  CliPredictTest() {
    service_.AddJob("a");
    v1::PredictJobResponse header;
    header.mutable_header()->set_checkpoint("0-40");
    header.mutable_header()->set_iteration(40);
    header.mutable_header()->set_rows(2);
    header.mutable_header()->add_shape(2);
    header.mutable_header()->set_dtype("float32");
    header.mutable_header()->set_has_classes(true);
    responses_.push_back(header);
    const std::string values = BytesOf<float>({0.1F, -2.0F, 3.0F, 1e-30F});
    const std::string classes = BytesOf<int64_t>({0, 1});
    for (const auto& [begin, end] : {std::pair<size_t, size_t>(0, 3), {3, 11}, {11, 16}}) {
      v1::PredictJobResponse rows;
      rows.mutable_rows()->set_values(values.substr(begin, end - begin));
      rows.mutable_rows()->set_classes(classes.substr(begin, end - begin));
      responses_.push_back(rows);
    }
    service_.SetPrediction(responses_);
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // What is in the folder: nothing that was begun may stay.
  std::vector<std::string> Listing() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::vector<v1::PredictJobResponse> responses_;
};

TEST_F(CliPredictTest, WritesATableWithTheClasses) {
  const std::string file = Output("p.csv");
  const Result result = Descent({"predict", "a", "-o", file, "--checkpoint", "40"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, file +
                            ": 2 rows of [2] float32, by jobs/a at iteration 40 (checkpoint "
                            "0-40)\n");
  EXPECT_EQ(Read(file), "row,prediction_0,prediction_1,class\n0,0.1,-2,0\n1,3,1e-30,1\n");
  EXPECT_EQ(service_.predictions()[0].checkpoint(), "40");
  EXPECT_FALSE(service_.predictions()[0].has_data());
  EXPECT_EQ(Descent({"predict", "a", "-o", "/nonexistent/x.csv"}).err,
            "descent: /nonexistent/x.csv: No such file or directory\n");
  // It is there: not without --force.
  service_.SetPrediction({});
  const Result again = Descent({"predict", "a", "-o", file});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("is there already; --force replaces it"));
  EXPECT_EQ(service_.predictions().size(), 1u);
  responses_[0].mutable_header()->add_class_names("no");
  responses_[0].mutable_header()->add_class_names("yes, \"sure\"");
  service_.SetPrediction(responses_);
  EXPECT_EQ(Descent({"predict", "a", "-o", file, "--force", "--probabilities"}).code, 0);
  EXPECT_EQ(Read(file),
            "row,probability_no,\"probability_yes, \"\"sure\"\"\",class\n0,0.1,-2,no\n1,3,1e-30,"
            "\"yes, \"\"sure\"\"\"\n");
  EXPECT_EQ(service_.predictions()[1].form(), v1::PredictJobRequest::PROBABILITIES);
  EXPECT_THAT(Listing(), ::testing::ElementsAre("p.csv"));
}

TEST_F(CliPredictTest, TakesNamesOfClassesInParts) {
  const std::string file = Output("p.csv");
  responses_[0].mutable_header()->add_class_names("no");
  v1::PredictJobResponse more;
  more.mutable_class_names()->add_class_names("yes");
  responses_.insert(responses_.begin() + 1, more);
  service_.SetPrediction(responses_);
  EXPECT_EQ(Descent({"predict", "a", "-o", file, "--probabilities"}).code, 0);
  EXPECT_EQ(Read(file), "row,probability_no,probability_yes,class\n0,0.1,-2,no\n1,3,1e-30,yes\n");
  std::swap(responses_[1], responses_.back());
  service_.SetPrediction(responses_);
  EXPECT_THAT(Descent({"predict", "a", "-o", file, "--force"}).err,
              HasSubstr("names of classes after rows"));
}

TEST_F(CliPredictTest, RowsAreThoseOfTheDataAndPicturesHaveNames) {
  responses_[0].mutable_header()->set_has_places(true);
  responses_[0].mutable_header()->set_has_files(true);
  responses_[1].mutable_rows()->add_places(3);
  responses_[1].mutable_rows()->add_files("cat/1.png");
  responses_[2].mutable_rows()->add_files("a, b.png");
  responses_[3].mutable_rows()->add_places(7);
  service_.SetPrediction(responses_);
  const std::string table = Output("p.csv");
  const Result result = Descent({"predict", "a", "-o", table});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Read(table),
            "row,file,prediction_0,prediction_1,class\n3,cat/1.png,0.1,-2,0\n7,\"a, "
            "b.png\",3,1e-30,1\n");
  EXPECT_THAT(Descent({"predict", "a", "-o", Output("p.npy")}).err,
              HasSubstr("a .npy file does not say which rows of the data these are"));
}

TEST_F(CliPredictTest, ClassesAloneHaveNoShape) {
  v1::PredictJobResponse header = responses_[0];
  header.mutable_header()->clear_shape();
  header.mutable_header()->set_dtype("int64");
  header.mutable_header()->set_has_classes(false);
  v1::PredictJobResponse rows;
  rows.mutable_rows()->set_values(BytesOf<int64_t>({1, 0}));
  service_.SetPrediction({header, rows});
  const std::string file = Output("c.csv");
  EXPECT_THAT(Descent({"predict", "a", "-o", file, "--classes"}).out,
              StartsWith(file + ": 2 rows of int64, by jobs/a"));
  EXPECT_EQ(Read(file), "row,class\n0,1\n1,0\n");
}

TEST_F(CliPredictTest, WritesWhatNumpyReads) {
  const std::string file = Output("p.npy");
  const Result result = Descent({"predict", "a", "--output", file, "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  v1::PredictionHeader summary;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &summary).ok());
  EXPECT_EQ(summary.iteration(), 40);
  const std::string bytes = Read(file);
  ASSERT_EQ(bytes.size(), 128u + 16u);
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_THAT(bytes.substr(10, 118),
              AllOf(StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } "),
                    EndsWith(" \n")));
  EXPECT_EQ(bytes.substr(128), BytesOf<float>({0.1F, -2.0F, 3.0F, 1e-30F}));
}

TEST_F(CliPredictTest, WhatIsNotWholeIsNotThere) {
  const std::string file = folder_ + "/p.npy";
  service_.SetPrediction(
      {responses_[0], responses_[1]},
      ToGrpcStatus(MakeError(absl::StatusCode::kUnavailable, "it died; ask again", "WORKER_DIED")));
  const Result died = Descent({"predict", "a", "-o", file});
  EXPECT_EQ(died.code, 1);
  EXPECT_EQ(died.err, "descent: it died; ask again\n");
  service_.SetPrediction({responses_[0], responses_[1]});
  const Result ended = Descent({"predict", "a", "-o", file});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("ended after 0 of 2 rows"));
  EXPECT_EQ(Descent({"predict", "none", "-o", file}).err, "descent: there is no jobs/none\n");
  EXPECT_THAT(Descent({"predict", "a", "-o", folder_ + "/none/p.npy"}).err,
              HasSubstr("No such file or directory"));
  EXPECT_THAT(Listing(), ::testing::IsEmpty());
  std::atomic<bool> interrupted = true;
  const Result stopped = Descent({"predict", "a", "-o", file}, {.interrupted = &interrupted});
  EXPECT_THAT(stopped.code, ::testing::AnyOf(1, 130));
}

TEST_F(CliPredictTest, DataAreAFileOrSayWhatTheyAre) {
  const auto data = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"predict", "a", "-o", Output("d.csv"), "--force", "--data"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result result = Descent(all);
    EXPECT_EQ(result.code, 0) << result.err;
    return service_.predictions().back().data();
  };
  EXPECT_EQ(data({"/x/new.csv"}).csv().path(), "/x/new.csv");
  EXPECT_EQ(data({"/x/t.tsv"}).csv().delimiter(), "\t");
  EXPECT_EQ(data({"/x/a.npy"}).npy().inputs(), "/x/a.npy");
  EXPECT_EQ(data({"/x/a.npz", "--set", "inputs=x"}).npz().inputs(), "x");
  EXPECT_EQ(data({"/x/a-idx3-ubyte.gz"}).idx().inputs(), "/x/a-idx3-ubyte.gz");
  EXPECT_EQ(data({"/x/a.txt", "--set", "context=8"}).text().context(), 8);
  EXPECT_EQ(data({folder_}).image_folder().path(), folder_);
  EXPECT_EQ(data({"/x/a.JPG"}).image_folder().path(), "/x/a.JPG");
  // Relative paths: from the working folder, in a file from the file's.
  EXPECT_EQ(data({"new.csv"}).csv().path(), std::filesystem::current_path() / "new.csv");
  const std::string file = File("d.yaml", "csv: {path: other.csv, ignore: id}\n");
  EXPECT_EQ(data({file}).csv().path(), folder_ + "/other.csv");
  EXPECT_EQ(data({file}).csv().ignore(0), "id");
  EXPECT_EQ(data({file, "--set", "path=/y.csv"}).csv().path(), "/y.csv");
  const Result unknown = Descent({"predict", "a", "-o", Output("e.csv"), "--data", "x.parquet"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("its name does not tell what it is"));
  EXPECT_THAT(unknown.err, HasSubstr("; write its table as CSV first"));
  EXPECT_THAT(Descent({"predict", "a", "-o", Output("e.csv"), "--data", "x.csv.gz"}).err,
              HasSubstr("; unpack it first"));
  const std::string bad = File("bad.yaml", "csv: {paht: x}\n");
  EXPECT_THAT(Descent({"predict", "a", "-o", Output("e.csv"), "--data", bad}).err,
              HasSubstr(bad + ":1:7: csv.paht: unknown field (did you mean `path`?)"));
}

TEST_F(CliPredictTest, CallsTheRequestsFieldsByTheirOptions) {
  for (const auto& [field, option] : std::vector<std::pair<std::string, std::string>>{
           {"form", "--classes"}, {"data", "--data"}, {"data.csv.path", "data.csv.path"}}) {
    service_.SetPrediction({}, ToGrpcStatus(InvalidField(field, "is not so: it is", "BAD")));
    EXPECT_EQ(Descent({"predict", "a", "-o", Output("p.csv"), "--classes"}).err,
              "descent: " + option + ": is not so: it is\n");
  }
}

TEST_F(CliPredictTest, ShowsProgressOnATerminal) {
  std::ostringstream out, err;
  Io io{.out = out, .err = err};
  io.error_terminal = true;
  EXPECT_EQ(cli::Run({"predict", "a", "-o", Output("p.csv"), "--server", service_.address()}, io),
            0);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("/2 rows ("), EndsWith("\x1b[K")));
}

TEST_F(CliPredictTest, CompletesFiles) {
  EXPECT_EQ(RunAt("", {"__complete", "--", "predict", "a", "--data", ""}).out, ":files\n");
  EXPECT_EQ(RunAt("", {"__complete", "--", "predict", "a", "-o", ""}).out, ":files\n");
  EXPECT_THAT(RunAt("", {"__complete", "--", "predict", "--pro"}).out,
              StartsWith("--probabilities"));
}

}  // namespace
}  // namespace descent::cli
