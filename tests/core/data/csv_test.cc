#include "core/data/csv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace descent {
namespace {

std::string ErrorOf(std::string_view text, const std::vector<std::string>& targets = {"y"}) {
  const absl::Status status = ParseCsv(text, "t.csv", targets).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(Csv, SplitsTargetsFromInputs) {
  absl::StatusOr<CsvTable> table = ParseCsv("a,y,b\n1,2,3\n-4.5,5e-1,+6\n", "t.csv", {"y"});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->input_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(
      at::equal(table->inputs, at::tensor({1.0, 3.0, -4.5, 6.0}, at::kDouble).view({2, 2})));
  EXPECT_TRUE(at::equal(table->targets, at::tensor({2.0, 0.5}, at::kDouble).view({2, 1})));
}

TEST(Csv, KeepsTheOrderOfTheTargetsAskedFor) {
  absl::StatusOr<CsvTable> table = ParseCsv("a,y,z\n1,2,3\n", "t.csv", {"z", "y"});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(at::equal(table->targets, at::tensor({3.0, 2.0}, at::kDouble).view({1, 2})));
}

TEST(Csv, UnderstandsQuotesCarriageReturnsSpacesAndMissingLastNewline) {
  absl::StatusOr<CsvTable> table =
      ParseCsv("\xEF\xBB\xBF\"a, \"\"big\"\"\",y\r\n\"1\", 2 \r\n3,\"4\"", "t.csv", {"y"});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->input_names[0], "a, \"big\"");
  EXPECT_TRUE(at::equal(table->inputs, at::tensor({1.0, 3.0}, at::kDouble).view({2, 1})));
  EXPECT_TRUE(at::equal(table->targets, at::tensor({2.0, 4.0}, at::kDouble).view({2, 1})));
}

TEST(Csv, NamesTheLineOfARaggedRow) {
  EXPECT_EQ(ErrorOf("a,y\n1,2\n3\n"), "t.csv, line 3: 1 fields, but the header has 2.");
  EXPECT_EQ(ErrorOf("a,y\n1,2,3\n"), "t.csv, line 2: 3 fields, but the header has 2.");
  EXPECT_EQ(ErrorOf("a,y\n1,2\n\n3,4\n"), "t.csv, line 3: 1 fields, but the header has 2.");
}

TEST(Csv, NamesLineAndColumnOfText) {
  EXPECT_EQ(ErrorOf("a,y\n1,2\nfour,3\n"),
            "t.csv, line 3, column \"a\": \"four\" is not a finite number.");
  for (const char* bad : {"", "1x", "nan", "inf", "1e999", "0x10", "1 2", "--1", "+-1"}) {
    EXPECT_NE(ErrorOf(std::string("a,y\n1,") + bad + "\n").find("line 2, column \"y\""),
              std::string::npos)
        << bad;
  }
}

TEST(Csv, CountsLinesInsideQuotes) {
  EXPECT_NE(ErrorOf("\"a\nb\",y\n1,2\nx,2\n").find("line 4"), std::string::npos);
}

TEST(Csv, RefusesAnUnknownTargetListingTheColumns) {
  EXPECT_EQ(ErrorOf("a,b\n1,2\n"), "t.csv has no column \"y\"; its columns are a, b.");
}

TEST(Csv, RefusesHeadersThatAreAmbiguousOrEmpty) {
  ErrorOf("a,a,y\n1,2,3\n");
  ErrorOf("a,,y\n1,2,3\n");
  ErrorOf("y\n1\n");
  ErrorOf("a,y\n1,2\n", {"y", "y"});
  ErrorOf("a,y\n1,2\n", {});
}

TEST(Csv, RefusesNoRows) {
  ErrorOf("");
  ErrorOf("\n\n");
  ErrorOf("a,y\n");
}

TEST(Csv, RefusesBrokenQuotes) {
  ErrorOf("a,y\n\"1,2\n");
  ErrorOf("a,y\n\"1\"2,2\n");
}

}  // namespace
}  // namespace descent
