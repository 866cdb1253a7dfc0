#include "core/data/dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace descent {
namespace {

class DatasetTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  static std::string Idx(int rows, int columns, const std::string& elements, char type = 8) {
    std::string bytes = {0, 0, type, static_cast<char>(columns > 0 ? 2 : 1),
                         0, 0, 0,    static_cast<char>(rows)};
    if (columns > 0) bytes += std::string{0, 0, 0, static_cast<char>(columns)};
    return bytes + elements;
  }

  const std::string folder_ = [] {
    const char* given = std::getenv("TEST_TMPDIR");
    std::string name = std::string(given ? given : "/tmp") + "/dataset.XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
};

TEST_F(DatasetTest, ScalesUnsignedBytesAndKeepsClasses) {
  const std::string inputs = Write("x", Idx(2, 2, std::string("\x00\xff\x33\x66", 4)));
  const std::string targets = Write("y", Idx(2, 0, std::string("\x00\x09", 2)));
  absl::StatusOr<Dataset> data = LoadIdx(inputs, targets, {});
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
  absl::StatusOr<Dataset> data = LoadIdx(inputs, targets, {});
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
  const absl::Status status = LoadIdx(inputs, targets, {}).status();
  EXPECT_NE(status.message().find(inputs + " holds 3 examples"), absl::string_view::npos);
}

TEST_F(DatasetTest, RefusesNanNamingTheRow) {
  const std::string inputs =
      Write("x", Idx(2, 1, std::string("\x3f\x80\x00\x00\x7f\xc0\x00\x00", 8), 0x0D));
  const std::string targets = Write("y", Idx(2, 0, "ab"));
  const absl::Status status = LoadIdx(inputs, targets, {}).status();
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
  EXPECT_EQ(LoadCsv(folder_ + "/none.csv", {"y"}, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadCsv(folder_, {"y"}, {}).status().message(),
            folder_ + " is a folder: data must be in a regular file.");
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(LoadCsv(fifo, {"y"}, {}).status().message(),
            fifo + " is a FIFO: data must be in a regular file.");
  EXPECT_FALSE(LoadCsv("/dev/zero", {"y"}, {}).ok());
  EXPECT_FALSE(LoadCsv(std::string("a\0b", 3), {"y"}, {}).ok());
  EXPECT_EQ(LoadCsv(Write("empty", ""), {"y"}, {}).status().message(),
            folder_ + "/empty is empty.");
}

}  // namespace
}  // namespace descent
