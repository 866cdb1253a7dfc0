#include "client/cpp/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace descent::client {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(Numbers, ReadsDoublesAsPeopleWriteThem) {
  const std::pair<const char*, double> cases[] = {{"1", 1},
                                                  {"1e-3", 1e-3},
                                                  {"1E3", 1000},
                                                  {"-.5", -0.5},
                                                  {"+2.", 2},
                                                  {"1.5e+2", 150},
                                                  {"0", 0},
                                                  {".inf", HUGE_VAL},
                                                  {"-.Inf", -HUGE_VAL},
                                                  {"Infinity", HUGE_VAL}};
  for (const auto& [text, expected] : cases) {
    double value = -7;
    EXPECT_EQ(ParseDouble(text, &value), NumberError::kNone) << text;
    EXPECT_EQ(value, expected) << text;
  }
  double value = 0;
  for (const char* text : {".nan", "NaN", "nan"}) {
    EXPECT_EQ(ParseDouble(text, &value), NumberError::kNone) << text;
    EXPECT_TRUE(std::isnan(value)) << text;
  }
}

TEST(Numbers, RefusesWhatOnlyBeginsAsANumber) {
  double value = 0;
  for (const char* text : {"", "-", "1x", "1e", "1 ", " 1", "--1", "+-1", "0x10", "1_000", "1,5",
                           ".", "e5", "nan(1)", "true"}) {
    EXPECT_EQ(ParseDouble(text, &value), NumberError::kNotANumber) << text;
  }
  EXPECT_EQ(ParseDouble("1e999", &value), NumberError::kOutOfRange);
}

TEST(Numbers, PrintsTheShortestThatReadsBack) {
  for (const double value : {0.1, 1e-8, 1.0 / 3, 123456789.0, 5e-324, 1.7976931348623157e308}) {
    double back = 0;
    EXPECT_EQ(ParseDouble(PrintDouble(value), &back), NumberError::kNone);
    EXPECT_EQ(back, value);
  }
  EXPECT_EQ(PrintDouble(0.001), "0.001");
  EXPECT_EQ(PrintDouble(HUGE_VAL), ".inf");
}

TEST(Numbers, ReadsWholeNumbersToTheLimits) {
  const std::pair<const char*, int64_t> cases[] = {{"0", 0},
                                                   {"-0", 0},
                                                   {"+5", 5},
                                                   {"0x1F", 31},
                                                   {"0o17", 15},
                                                   {"1e4", 10000},
                                                   {"1e18", 1'000'000'000'000'000'000},
                                                   {"2.50e+2", 250},
                                                   {"1200e-2", 12},
                                                   {"7.0", 7},
                                                   {".5e1", 5},
                                                   {"0e99", 0},
                                                   {"9007199254740993.0", 9007199254740993},
                                                   {"9223372036854775807", kMax},
                                                   {"-9223372036854775808", kMin}};
  for (const auto& [text, expected] : cases) {
    int64_t value = -7;
    EXPECT_EQ(ParseInt(text, kMin, kMax, &value), NumberError::kNone) << text;
    EXPECT_EQ(value, expected) << text;
  }
  uint64_t unsigned_value = 0;
  EXPECT_EQ(ParseUint("18446744073709551615", ~0ull, &unsigned_value), NumberError::kNone);
  EXPECT_EQ(unsigned_value, ~0ull);
}

TEST(Numbers, RefusesWholeNumbersOutOfRange) {
  int64_t value = 0;
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "99999999999999999999999",
                           "1e300", "1e19", "9.3e18"}) {
    EXPECT_EQ(ParseInt(text, kMin, kMax, &value), NumberError::kOutOfRange) << text;
  }
  EXPECT_EQ(ParseInt("300", -128, 127, &value), NumberError::kOutOfRange);
  EXPECT_EQ(ParseInt("-1", 0, 127, &value), NumberError::kOutOfRange);
  for (const char* text :
       {"1.5", "", "x", "--1", "1e-3", ".inf", "0x", "1_000", "1.25e1", "1.00000000000000000001"}) {
    EXPECT_EQ(ParseInt(text, kMin, kMax, &value), NumberError::kNotANumber) << text;
  }
  uint64_t unsigned_value = 0;
  EXPECT_EQ(ParseUint("-1", ~0ull, &unsigned_value), NumberError::kOutOfRange);
}

}  // namespace
}  // namespace descent::client
