// What is learned from the training data is done to all others: scales, normalization.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/csv.h"
#include "core/data/dataset.h"
#include "core/data/encode.h"
#include "core/data/examples.h"
#include "core/data/normalization.h"

namespace descent {
namespace {

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

TEST(EncoderTest, OtherDataAreScaledAsTheTrainingDataAre) {
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
TEST(EncoderTest, NoDivisorMakesTwoScalesOne) {
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

TEST(EncoderTest, DimensionsInAnotherOrderAreRefused) {
  const at::Tensor train = at::ones({2, 3, 4, 5});
  EXPECT_EQ(
      Read(train, at::ones({2, 4, 5, 3}), train),
      "x.npy holds examples of [4, 5, 3], but those of the training data are [3, 4, 5]: the same "
      "dimensions in another order. Save them in the order of the training data.");
  EXPECT_EQ(Read(at::ones({2, 1, 4, 4}), at::ones({2, 4, 4}), at::ones({2, 4, 4})), "");
}

// What is expected is float((x − mean)/standard deviation), computed in numpy's float64.
TEST(EncoderTest, NormalizesBeforeItRounds) {
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

TEST(EncoderTest, NormalizedTargetsAreUndone) {
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

TEST(EncoderTest, WhatRoundingWouldMakeAlikeIsNoted) {
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

TEST(EncoderTest, ConstantsAndWhatIsNearlyConstant) {
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
    EXPECT_FALSE(zero == 0 && std::signbit(zero));
  }
}

// Makes 2 examples of shape [2, 2].
Examples Four(std::vector<double> numbers) {
  Examples examples;
  examples.inputs = at::tensor(numbers, at::kDouble).view({2, 2, 2});
  examples.targets = at::zeros({2}, at::kLong);
  return examples;
}

TEST(EncoderTest, NormalizesByTheTrainingPartAlone) {
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

TEST(EncoderTest, CategoriesAreNotNormalized) {
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

}  // namespace
}  // namespace descent
