// Examples of files as a dataset: classes, values, splits, what is missing.

#include "core/data/dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/csv.h"
#include "core/data/encode.h"
#include "core/data/examples.h"
#include "core/data/idx.h"
#include "core/data/split.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

class DatasetTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    return folder_.Write(name, bytes);
  }

  static std::string Idx(int rows, int columns, const std::string& elements, char type = 8) {
    std::string bytes = {0, 0, type, static_cast<char>(columns > 0 ? 2 : 1),
                         0, 0, 0,    static_cast<char>(rows)};
    if (columns > 0) bytes += std::string{0, 0, 0, static_cast<char>(columns)};
    return bytes + elements;
  }

  template <typename Source>
  static absl::StatusOr<Dataset> Load(const Source& source, const EncodeOptions& options = {}) {
    absl::StatusOr<Examples> examples = source.Read({});
    if (!examples.ok()) return examples.status();
    return Encode(*examples, options);
  }
  static absl::StatusOr<Dataset> LoadIdx(const std::string& inputs, const std::string& targets) {
    return Load(IdxFiles{inputs, targets});
  }
  static absl::StatusOr<Dataset> LoadCsv(const std::string& path,
                                         const std::vector<std::string>& targets,
                                         const EncodeOptions& options = {}) {
    CsvFile file;
    file.path = path;
    file.targets = targets;
    return Load(file, options);
  }

  const TemporaryFolder folder_;
};

TEST_F(DatasetTest, ScalesUnsignedBytesAndKeepsClasses) {
  const std::string inputs = Write("x", Idx(2, 2, std::string("\x00\xff\x33\x66", 4)));
  const std::string targets = Write("y", Idx(2, 0, std::string("\x00\x09", 2)));
  absl::StatusOr<Dataset> data = LoadIdx(inputs, targets);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(at::allclose(data->inputs, at::tensor({0.f, 1.f, 0.2f, 0.4f}).view({2, 2})));
  EXPECT_TRUE(at::equal(data->targets, at::tensor({0, 9}, at::kLong)));
  ASSERT_EQ(data->files.size(), 2u);
  EXPECT_EQ(data->files[1].path, targets);
  EXPECT_EQ(data->files[1].bytes, 10);
  EXPECT_EQ(data->files[1].sha256.size(), 64u);
}

TEST_F(DatasetTest, NamesTheRowOfALabelOutOfRange) {
  const std::string inputs = Write("x", Idx(3, 1, "abc"));
  const std::string targets = Write("y", Idx(3, 0, std::string("\x00\x0a\x01", 3)));
  absl::StatusOr<Dataset> data = LoadIdx(inputs, targets);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(CheckClasses(*data, 11).ok());
  const absl::Status status = CheckClasses(*data, 10);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), targets +
                                  ", example 1 (counted from 0): the label 10 is out of range: the "
                                  "model's output has 10 classes (0 to 9).");
}

TEST_F(DatasetTest, RefusesDifferentNumbersOfRows) {
  const std::string inputs = Write("x", Idx(3, 1, "abc"));
  const std::string targets = Write("y", Idx(2, 0, "ab"));
  const absl::Status status = LoadIdx(inputs, targets).status();
  EXPECT_NE(status.message().find(inputs + " holds 3 examples"), absl::string_view::npos);
}

TEST_F(DatasetTest, RefusesNanNamingTheRow) {
  const std::string inputs =
      Write("x", Idx(2, 1, std::string("\x3f\x80\x00\x00\x7f\xc0\x00\x00", 8), 0x0D));
  const std::string targets = Write("y", Idx(2, 0, "ab"));
  const absl::Status status = LoadIdx(inputs, targets).status();
  EXPECT_NE(status.message().find(inputs + ", example 1"), absl::string_view::npos) << status;
}

TEST_F(DatasetTest, ReadsCsvAsValuesOrClasses) {
  const std::string path = Write("t.csv", "a,b,y\n1,2,0\n3,4,1\n");
  absl::StatusOr<Dataset> values =
      LoadCsv(path, {"y"}, {.dtype = at::kDouble, .targets = TargetKind::kValues});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(values->inputs.scalar_type(), at::kDouble);
  EXPECT_EQ(values->targets.sizes().vec(), (std::vector<int64_t>{2, 1}));
  absl::StatusOr<Dataset> classes = LoadCsv(path, {"y"}, {});
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_TRUE(at::equal(classes->targets, at::tensor({0, 1}, at::kLong)));
}

TEST_F(DatasetTest, NamesTheLineOfWhatIsNoClass) {
  const std::string path = Write("t.csv", "a,y\n1,0\n2,0.5\n");
  EXPECT_EQ(LoadCsv(path, {"y"}, {}).status().message(),
            path + ", line 3: 0.5 is not a class: classes are whole numbers from 0.");
  const std::string negative = Write("n.csv", "a,y\n1,-1\n");
  EXPECT_FALSE(LoadCsv(negative, {"y"}, {}).ok());
}

TEST_F(DatasetTest, RefusesNumbersThatTheDtypeCannotHold) {
  const std::string path = Write("t.csv", "a,y\n1,0\n1e300,0\n");
  EXPECT_NE(LoadCsv(path, {"y"}, {}).status().message().find("line 3"), absl::string_view::npos);
  EXPECT_TRUE(LoadCsv(path, {"y"}, {.dtype = at::kDouble}).ok());
}

TEST_F(DatasetTest, RefusesWhatIsNoRegularFile) {
  EXPECT_EQ(LoadCsv(folder_.path() + "/none.csv", {"y"}, {}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadCsv(folder_.path(), {"y"}, {}).status().message(),
            folder_.path() + " is a folder: data must be in a regular file.");
  const std::string fifo = folder_.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(LoadCsv(fifo, {"y"}, {}).status().message(),
            fifo + " is a FIFO: data must be in a regular file.");
  EXPECT_FALSE(LoadCsv("/dev/zero", {"y"}, {}).ok());
  EXPECT_FALSE(LoadCsv(std::string("a\0b", 3), {"y"}, {}).ok());
  EXPECT_EQ(LoadCsv(Write("empty", ""), {"y"}, {}).status().message(),
            folder_.path() + "/empty is empty.");
}

TEST_F(DatasetTest, FillsInTheTrainingPartsMean) {
  CsvFile file;
  file.path = "t.csv";
  file.targets = {"y"};
  file.missing.kind = MissingValues::Kind::kMean;
  absl::StatusOr<Examples> train = ParseCsv("a,b,y\n1,10,0\n,20,1\n3,,1\n", file);
  absl::StatusOr<Examples> test = ParseCsv("a,b,y\n,,1\n", file);
  ASSERT_TRUE(train.ok() && test.ok());
  Dataset data;
  absl::StatusOr<Encoder> encoder = Encoder::Fit(*train, {.dtype = at::kDouble}, &data);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  EXPECT_TRUE(at::equal(data.inputs, at::tensor({1., 10., 2., 20., 3., 15.}).view({3, 2})));
  absl::StatusOr<Dataset> test_data = encoder->Encode(*test);
  ASSERT_TRUE(test_data.ok()) << test_data.status();
  EXPECT_TRUE(at::equal(test_data->inputs, at::tensor({2., 15.}).view({1, 2})));
}

TEST_F(DatasetTest, FillsInTheMeanWhereOnlyTheTestDataLackANumber) {
  CsvFile file;
  file.path = "t.csv";
  file.targets = {"y"};
  const absl::StatusOr<Examples> train = ParseCsv("a,y\n1,0\n3,1\n", file);
  file.missing.kind = MissingValues::Kind::kMean;
  const absl::StatusOr<Examples> test = ParseCsv("a,y\n,1\n", file);
  ASSERT_TRUE(train.ok() && test.ok());
  Dataset data;
  const absl::StatusOr<Encoder> encoder = Encoder::Fit(*train, {}, &data);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  EXPECT_EQ(encoder->Encode(*test)->inputs.item<float>(), 2);
}

TEST_F(DatasetTest, TargetsOfTheIgnoredClassDoNotCount) {
  Examples examples;
  examples.inputs = at::zeros({3, 1});
  examples.targets = at::tensor({2, -1, 0}, at::kLong);
  EXPECT_FALSE(Encode(examples).ok());
  const auto targets = [&](int64_t ignored) {
    const absl::StatusOr<Dataset> data = Encode(examples, {.ignore_index = ignored});
    return data.ok() ? data->targets : at::Tensor();
  };
  EXPECT_TRUE(at::equal(targets(-1), at::tensor({2, -100, 0}, at::kLong)));
  EXPECT_FALSE(targets(2).defined());
  examples.targets = at::tensor({2.0, 1.0, 0.0}, at::kDouble);
  EXPECT_TRUE(at::equal(targets(2), at::tensor({-100, 1, 0}, at::kLong)));
  examples.targets = at::tensor({156, 1, 0}, at::kByte);  // −100, if bytes were all that there is
  EXPECT_TRUE(at::equal(targets(-100), at::tensor({156, 1, 0}, at::kLong)));
}

TEST_F(DatasetTest, SplitsByFractionAndSeedAndKeepsTheNamesOfRows) {
  std::string text = "a,y\n";
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + "," + std::to_string(i) + "\n";
  CsvFile file;
  file.path = "t.csv";
  file.targets = {"y"};
  absl::StatusOr<Examples> all = ParseCsv(text, file);
  ASSERT_TRUE(all.ok()) << all.status();
  absl::StatusOr<SplitExamples> split = Split(*all, 0.25, 3);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->train.size(), 15);
  EXPECT_EQ(split->test.size(), 5);
  std::set<int64_t> seen;
  for (const Examples* part : {&split->train, &split->test}) {
    for (int64_t i = 0; i < part->size(); ++i) {
      const auto row = part->inputs[i][0].item<double>();
      EXPECT_EQ(part->targets[i][0].item<double>(), row);
      EXPECT_EQ(part->targets_origin.Name(i), "t.csv, line " + std::to_string(int(row) + 2));
      seen.insert(static_cast<int64_t>(row));
    }
  }
  EXPECT_EQ(seen.size(), 20u);
  EXPECT_TRUE(at::equal(Split(*all, 0.25, 3)->test.inputs, split->test.inputs));
  EXPECT_FALSE(at::equal(Split(*all, 0.25, 4)->test.inputs, split->test.inputs));
  // It is stratified: of 12 and 8 examples of two classes there are 3 and 2.
  Examples classes = *all;
  classes.targets = classes.inputs.ge(12).to(at::kDouble);
  split = Split(classes, 0.25, 3, /*stratified=*/true);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->test.targets.sum().item<double>(), 2);
  EXPECT_EQ(split->test.size(), 5);
  EXPECT_EQ(split->train.targets.sum().item<double>(), 6);
  // That would be 3.6 and 2.4 of them.
  split = Split(classes, 0.3, 3, /*stratified=*/true);
  EXPECT_EQ(split->test.targets.sum().item<double>(), 2);
  EXPECT_EQ(split->test.size(), 6);
  classes.targets = classes.inputs.ge(19).to(at::kDouble);
  EXPECT_EQ(Split(classes, 0.25, 3, true).status().message(),
            "The class 1 has one example alone, so it can't be in both parts of the split.");
  classes.targets = classes.inputs * 0.5;
  EXPECT_FALSE(Split(classes, 0.25, 3, true).ok());
  for (const double bad : {0.0, 1.0, -0.5, 0.001, 0.999, std::nan("")}) {
    EXPECT_FALSE(Split(*all, bad, 3).ok()) << bad;
  }
}

}  // namespace
}  // namespace descent
