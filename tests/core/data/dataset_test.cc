#include "core/data/dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/data/csv.h"
#include "core/data/encode.h"
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

Examples Numbers(const at::Tensor& inputs) {
  Examples examples;
  examples.inputs = inputs;
  examples.targets = at::zeros({inputs.size(0)}, at::kLong);
  examples.inputs_origin = Origin("x.npy");
  return examples;
}

// Says what becomes of other numbers than the training data's, or why they are refused.
std::string Read(const at::Tensor& train, const at::Tensor& other, const at::Tensor& expected,
                 const EncodeOptions& options = {}) {
  Dataset data;
  const absl::StatusOr<Encoder> encoder = Encoder::Fit(Numbers(train), options, &data);
  if (!encoder.ok()) return std::string(encoder.status().message());
  const absl::StatusOr<Dataset> read = encoder->Encode(Numbers(other));
  if (!read.ok()) return std::string(read.status().message());
  return at::equal(read->inputs, expected) ? "" : "wrong numbers";
}

TEST_F(DatasetTest, OtherDataAreScaledAsTheTrainingDataAre) {
  const at::Tensor bytes = at::tensor({0, 51, 255}, at::kByte).view({3, 1});
  const at::Tensor scaled = at::tensor({0.f, 0.2f, 1.f}).view({3, 1});
  const at::Tensor plain = at::tensor({0.f, 51.f, 255.f}).view({3, 1});
  for (const at::ScalarType type :
       {at::kByte, at::kShort, at::kInt, at::kLong, at::kHalf, at::kFloat, at::kDouble}) {
    EXPECT_EQ(Read(bytes, bytes.to(type), scaled), "") << type;
    // The other way round: what is not divided there is not divided here.
    if (!at::isFloatingType(type) && type != at::kByte) {
      EXPECT_EQ(Read(bytes.to(type), bytes, plain), "") << type;
    }
    EXPECT_EQ(Read(bytes.to(type), bytes, plain / 51, {.encoding = {.divisor = 51}}), "") << type;
  }
  EXPECT_EQ(Read(bytes, bytes.to(at::kLong), plain, {.encoding = {.divisor = 1}}), "");
  // It can't be meant.
  EXPECT_EQ(
      Read(bytes, scaled, scaled),
      "x.npy, example 1 (counted from 0): the training inputs are unsigned bytes, divided by 255, "
      "but these are float32 and no whole numbers from 0 to 255. Save both in the same type, on "
      "the same scale.");
  EXPECT_EQ(Read(bytes, scaled.round(), scaled),
            "x.npy holds float32 from 0 to 1, but the training inputs are unsigned bytes from 0 to "
            "255, divided by 255: whether these were scaled can't be known. Save both in the same "
            "type, on the same scale.");
  EXPECT_NE(Read(bytes, bytes.to(at::kInt) - 1, scaled).find("no whole numbers from 0 to 255"),
            std::string::npos);
  EXPECT_NE(Read(scaled, bytes, scaled).find("Save both in the same type"), std::string::npos);
  // The 1 of a mask is not one of 255 parts.
  const at::Tensor mask = at::tensor({0, 1, 1}, at::kByte).view({3, 1}).to(at::kBool);
  EXPECT_EQ(Read(bytes, mask, scaled),
            "x.npy holds true and false, but the training inputs are unsigned bytes from 0 to 255, "
            "divided by 255: what stands for true can't be known. Save both in the same type, on "
            "the same scale.");
  EXPECT_EQ(Read(mask, mask, mask.to(at::kFloat)), "");
  // Integers beside floating-point numbers are more of them, or pixels beside scaled ones.
  for (const at::ScalarType type : {at::kByte, at::kShort, at::kInt, at::kLong}) {
    for (const at::Tensor& train : {scaled, scaled.sub(0.3).mul(4), mask.to(at::kFloat)}) {
      const std::string refusal = Read(train, bytes.to(type), scaled);
      EXPECT_NE(refusal.find("whether those were scaled can't be known. Save both in the same "),
                std::string::npos)
          << type << refusal;
      EXPECT_EQ(Read(train, mask.to(type), mask.to(at::kFloat)), "") << type;
    }
    EXPECT_EQ(Read(plain.sub(3), bytes.to(type), plain), "") << type;
    EXPECT_EQ(Read(plain.sub(0.5), bytes.to(type).clamp_max(200), plain.clamp_max(200)), "");
  }
  EXPECT_EQ(
      Read(scaled, bytes.to(at::kLong), scaled),
      "x.npy holds int64 from 0 to 255, but the training inputs are float32 from 0 to 1: whether "
      "those were scaled can't be known. Save both in the same type, on the same scale.");
  Examples wide = Numbers(bytes.to(at::kInt));
  wide.inputs_type = "uint16";
  Dataset data;
  const auto encoder = Encoder::Fit(wide, {}, &data);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  EXPECT_EQ(encoder->encoding().type_name, "uint16");
  EXPECT_EQ(Encoder({.encoding = {.divisor = 1, .type = at::kFloat, .shape = {1}}})
                .Encode(wide)
                .status()
                .message(),
            "x.npy holds uint16 from 0 to 255, but the training inputs are float32: whether those "
            "were scaled can't be known. Save both in the same type, on the same scale.");
  // It goes by what is known of the training data alone.
  const absl::StatusOr<Dataset> alone =
      Encoder({.encoding = {.divisor = 255, .type = at::kByte, .shape = {1}}})
          .Encode(Numbers(bytes.to(at::kLong)));
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_TRUE(at::equal(alone->inputs, scaled));
}

// Both are divided by the same, so that no divisor makes numbers on two scales one.
TEST_F(DatasetTest, NoDivisorMakesTwoScalesOne) {
  const at::Tensor bytes = at::tensor({0, 51, 255}, at::kByte).view({3, 1});
  const at::Tensor scaled = at::tensor({0.f, 0.2f, 1.f}).view({3, 1});
  const at::Tensor mask = at::tensor({0, 1, 1}, at::kByte).view({3, 1});
  const at::Tensor truths = mask.to(at::kBool);
  for (const double divisor : {1., 51., 255.}) {
    const EncodeOptions options = {.encoding = {.divisor = divisor}};
    const auto refused = [&](const at::Tensor& train, const at::Tensor& other) {
      return Read(train, other, train, options)
          .ends_with(" Save both in the same type, on the same scale.");
    };
    for (const at::ScalarType type : {at::kByte, at::kShort, at::kInt, at::kLong}) {
      const at::Tensor pixels = bytes.to(type);
      for (const at::ScalarType fraction : {at::kHalf, at::kFloat, at::kDouble}) {
        const at::Tensor fractions = scaled.to(fraction);
        EXPECT_TRUE(refused(pixels, fractions)) << type << fraction << divisor;
        EXPECT_TRUE(refused(fractions, pixels)) << type << fraction << divisor;
        EXPECT_TRUE(refused(pixels, mask.to(fraction))) << type << fraction << divisor;
        EXPECT_TRUE(refused(pixels, fractions.sub(0.3).mul(4))) << type << fraction << divisor;
      }
      EXPECT_TRUE(refused(pixels, truths)) << type << divisor;
      EXPECT_TRUE(refused(truths, pixels)) << type << divisor;
      EXPECT_TRUE(type == at::kByte || refused(mask, pixels)) << type << divisor;
      // What is on one scale comes out the same.
      const at::Tensor one = mask.to(at::kDouble).div(divisor).to(at::kFloat);
      for (const at::ScalarType other : {at::kBool, at::kByte, at::kLong, at::kHalf, at::kDouble}) {
        EXPECT_EQ(Read(mask.to(type), mask.to(other), one, options), "") << type << other;
        EXPECT_EQ(Read(mask.to(other), mask.to(type), one, options), "") << type << other;
      }
    }
    EXPECT_TRUE(refused(bytes.to(at::kFloat), truths)) << divisor;
    EXPECT_TRUE(refused(truths, bytes.to(at::kFloat))) << divisor;
  }
  // These are measures that aren't whole, beside whole ones and within their range.
  const at::Tensor lengths = at::tensor({140, 160, 200}, at::kLong).view({3, 1});
  const at::Tensor finer = at::tensor({172.5f, 199.f}).view({2, 1});
  EXPECT_EQ(Read(lengths, finer, finer), "");
  EXPECT_NE(Read(lengths, finer / 100, finer).find("whether these were scaled can't be known"),
            std::string::npos);
  // All that is known of a job of before is its type.
  const auto alone = [](at::ScalarType type, const at::Tensor& other) {
    const InputEncoding known = {.divisor = DefaultDivisor(type), .type = type, .shape = {1}};
    return Encoder({.encoding = known}).Encode(Numbers(other)).ok();
  };
  EXPECT_TRUE(alone(at::kLong, bytes) && alone(at::kLong, finer));
  EXPECT_FALSE(alone(at::kLong, scaled) || alone(at::kByte, scaled) || alone(at::kFloat, bytes));
}

TEST_F(DatasetTest, DimensionsInAnotherOrderAreRefused) {
  const at::Tensor train = at::ones({2, 3, 4, 5});
  EXPECT_EQ(
      Read(train, at::ones({2, 4, 5, 3}), train),
      "x.npy holds examples of [4, 5, 3], but those of the training data are [3, 4, 5]: the same "
      "dimensions in another order. Save them in the order of the training data.");
  EXPECT_EQ(Read(at::ones({2, 1, 4, 4}), at::ones({2, 4, 4}), at::ones({2, 4, 4})), "");
}

// What is expected is float((x − mean)/standard deviation), computed in numpy's float64.
TEST_F(DatasetTest, NormalizesBeforeItRounds) {
  const int64_t n = 400;
  for (const int64_t base : {int64_t{1700000000}, int64_t{1700000000} * 1000000000}) {
    const at::Tensor times = at::arange(n, at::kLong).add(base).view({n, 1});
    const at::Tensor shifted = at::arange(n, at::kDouble);
    const double mean = (n - 1) / 2.0;
    const double deviation = std::sqrt((static_cast<double>(n) * n - 1) / 12);
    const at::Tensor standard = shifted.sub(mean).div(deviation).to(at::kFloat).view({n, 1});
    const at::Tensor min_max = shifted.div(n - 1).to(at::kFloat).view({n, 1});
    EXPECT_EQ(Read(times, times, standard, {.normalization = Normalization{}}), "");
    EXPECT_EQ(
        Read(times, times, min_max, {.normalization = Normalization{Normalization::Kind::kMinMax}}),
        "");
    if (base > int64_t{1} << 53) continue;  // float64 can't hold those
    EXPECT_EQ(Read(times.to(at::kDouble), times, standard, {.normalization = Normalization{}}), "");
  }
}

TEST_F(DatasetTest, NormalizedTargetsAreUndone) {
  Examples examples = Numbers(at::zeros({4, 1}));
  examples.targets =
      at::tensor({1700000000.0, 1700000001.0, 1700000002.0, 1700000003.0}, at::kDouble);
  Dataset data;
  const absl::StatusOr<Encoder> encoder = Encoder::Fit(
      examples, {.targets = TargetKind::kValues, .target_normalization = Normalization{}}, &data);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  const double deviation = std::sqrt(1.25);
  const at::Tensor expected = at::tensor({-1.5, -0.5, 0.5, 1.5}, at::kDouble).div(deviation);
  EXPECT_TRUE(at::equal(data.targets, expected.to(at::kFloat).view({4, 1})));
  const at::Tensor original = Denormalize(encoder->target_normalization(), data.targets);
  EXPECT_TRUE(at::allclose(original.view({4}), examples.targets, /*rtol=*/0, /*atol=*/1e-6));
}

TEST_F(DatasetTest, WhatRoundingWouldMakeAlikeIsNoted) {
  CsvFile file;
  file.path = "t.csv";
  file.targets = {"y"};
  const auto notes = [&](const char* text, EncodeOptions options) {
    options.targets = TargetKind::kValues;
    const absl::StatusOr<Examples> table = ParseCsv(text, file);
    EXPECT_TRUE(table.ok()) << table.status();
    Dataset data;
    EXPECT_TRUE(Encoder::Fit(*table, options, &data).ok());
    return data.notes;
  };
  const char* times = "a,t,y\n1,1700000000,1\n2,1700000399,2\n";
  EXPECT_EQ(
      notes(times, {}),
      (std::vector<std::string>{
          "t.csv: the column \"t\" varies by about 2 steps of float32 alone, which tells no more "
          "numbers apart; data.normalization or execution.dtype FLOAT64 keeps them."}));
  EXPECT_TRUE(notes(times, {.normalization = Normalization{}}).empty());
  EXPECT_TRUE(notes(times, {.dtype = at::kDouble}).empty());
  EXPECT_TRUE(notes("a,y\n1990,0.1\n2024,0.2\n", {}).empty());
  EXPECT_TRUE(notes("a,y\n1700000000,0.1\n1700000000,0.2\n", {}).empty());
  EXPECT_EQ(notes("a,y\n1,1700000000\n2,1700000399\n", {}).size(), 1u);
}

TEST_F(DatasetTest, ConstantsAndWhatIsNearlyConstant) {
  const auto normalized = [](std::vector<double> numbers) {
    const at::Tensor column = at::tensor(numbers, at::kDouble).view({-1, 1});
    Dataset data;
    EXPECT_TRUE(Encoder::Fit(Numbers(column), {.normalization = Normalization{}}, &data).ok());
    const at::Tensor read = data.inputs.contiguous();
    return std::vector<float>(read.const_data_ptr<float>(),
                              read.const_data_ptr<float>() + read.numel());
  };
  EXPECT_EQ(normalized({0.1, 0.1, 0.1}), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(normalized({0.3, 0.1 + 0.2, 0.3})[0], 0);  // a rounding error is no variation
  EXPECT_EQ(normalized({1e9, 1e9 + 1.0 / 4096}), (std::vector<float>{-1, 1}));
  // Before it is normalized, it is beyond float32.
  EXPECT_EQ(normalized({1e150, -1e150}), (std::vector<float>{1, -1}));
  Dataset data;
  const at::Tensor far = at::tensor({1e300, -1e300}, at::kDouble).view({2, 1});
  EXPECT_EQ(
      Encoder::Fit(Numbers(far), {.normalization = Normalization{}}, &data).status().message(),
      "x.npy: the inputs are too far apart to be normalized.");
  for (const float zero : normalized({-0.0, -0.0})) EXPECT_FALSE(std::signbit(zero));
  for (const float zero : normalized({-1e-320, 1, 1, -2})) {
    if (zero == 0) EXPECT_FALSE(std::signbit(zero));
  }
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

// Makes 2 examples of shape [2, 2].
Examples Four(std::vector<double> numbers) {
  Examples examples;
  examples.inputs = at::tensor(numbers, at::kDouble).view({2, 2, 2});
  examples.targets = at::zeros({2}, at::kLong);
  return examples;
}

TEST_F(DatasetTest, NormalizesByTheTrainingPartAlone) {
  using Kind = Normalization::Kind;
  using Per = Normalization::Per;
  const Examples train = Four({0, 1, 5, 5, 2, 5, 5, 9});
  const Examples test = Four({4, 4, 4, 4, 4, 4, 4, 4});
  struct Case {
    Kind kind;
    Per per;
    std::vector<double> offset, scale;
  };
  for (const Case& c :
       {Case{Kind::kStandard, Per::kFeature, {1, 3, 5, 7}, {1, 2, 1, 2}},
        Case{Kind::kMinMax, Per::kFeature, {0, 1, 5, 5}, {2, 4, 1, 4}},
        Case{Kind::kStandard, Per::kChannel, {2, 6}, {std::sqrt(3.5), std::sqrt(3)}},
        Case{Kind::kMinMax, Per::kChannel, {0, 5}, {5, 4}},
        Case{Kind::kMinMax, Per::kAll, {0}, {9}}}) {
    Dataset data;
    absl::StatusOr<Encoder> encoder = Encoder::Fit(
        train, {.dtype = at::kDouble, .normalization = Normalization{c.kind, c.per}}, &data);
    ASSERT_TRUE(encoder.ok()) << encoder.status();
    EXPECT_EQ(encoder->normalization().offset,
              std::vector<long double>(c.offset.begin(), c.offset.end()));
    ASSERT_EQ(encoder->normalization().scale.size(), c.scale.size());
    const at::Tensor offset = at::tensor(c.offset, at::kDouble).view({1, -1, 1});
    const at::Tensor scale = at::tensor(c.scale, at::kDouble).view({1, -1, 1});
    const int64_t groups = offset.size(1);
    const auto expect = [&](const Dataset& got, const Examples& from) {
      EXPECT_TRUE(at::allclose(got.inputs.view({2, groups, -1}),
                               (from.inputs.view({2, groups, -1}) - offset) / scale));
    };
    expect(data, train);
    absl::StatusOr<Dataset> test_data = encoder->Encode(test);
    ASSERT_TRUE(test_data.ok()) << test_data.status();
    expect(*test_data, test);
  }
  EXPECT_EQ(train.inputs[0][0][1].item<double>(), 1);  // the file's numbers stay as they are
}

TEST_F(DatasetTest, CategoriesAreNotNormalized) {
  CsvFile file;
  file.path = "t.csv";
  file.targets = {"y"};
  file.categorical = {"c"};
  absl::StatusOr<Examples> train = ParseCsv("c,a,y\nu,1,0\nv,3,1\n", file);
  ASSERT_TRUE(train.ok()) << train.status();
  Dataset data;
  ASSERT_TRUE(Encoder::Fit(*train, {.normalization = Normalization{}}, &data).ok());
  EXPECT_TRUE(at::equal(data.inputs, at::tensor({1.f, 0.f, -1.f, 0.f, 1.f, 1.f}).view({2, 3})));
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
