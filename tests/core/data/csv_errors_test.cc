// What is wrong with a table is told by line and column.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/data/csv.h"
#include "tests/core/data/csv_tables.h"

namespace descent {
namespace {

TEST(Csv, NamesTheLineOfARaggedRow) {
  EXPECT_EQ(ErrorOf("a,y\n1,2\n3\n"), "t.csv, line 3: 1 field, but the header has 2.");
  EXPECT_EQ(ErrorOf("a,y\n1,2\n1,2,3\n"), "t.csv, line 3: 3 fields, but the header has 2.");
  EXPECT_EQ(
      ErrorOf("a,y\nMazda,1,2\n"),
      "t.csv, line 2: 3 fields, but the header has 2. If its first field is the row's name, as "
      "R's write.table has it, the header needs a field for it: col.names = NA.");
  EXPECT_EQ(
      ErrorOf("a,y\n1,2\n# half of it\n3,4\n"),
      "t.csv, line 3: 1 field, but the header has 2. A line that begins with # is no comment: "
      "remove it.");
  EXPECT_EQ(
      ErrorOf("# made by hand\na,y\n1,2\n"),
      "t.csv has no column \"y\"; its columns are # made by hand. Lines that begin with # are no "
      "comments: remove them.");
  EXPECT_EQ(ErrorOf("a,y\n1,2\n\n3\n"), "t.csv, line 4: 1 field, but the header has 2.");
}

TEST(Csv, NamesLineAndColumnOfText) {
  EXPECT_EQ(ErrorOf("a,y\n1,2\nfour,3\n"),
            "t.csv, line 3, column \"a\": \"four\" is not a finite number; is the column "
            "`categorical`?");
  for (const char* bad : {"", "1x", "nan", "inf", "1e999", "0x10", "1 2", "--1", "+-1"}) {
    EXPECT_NE(ErrorOf(std::string("a,y\n1,") + bad + "\n").find("line 2, column \"y\""),
              std::string::npos)
        << bad;
  }
}

TEST(Csv, CountsLinesInsideQuotes) {
  EXPECT_NE(ErrorOf("\"a\nb\",y\n1,2\nx,2\n").find("line 4"), std::string::npos);
  CsvFile file = Table();
  file.categorical = {"c"};
  absl::StatusOr<Examples> table = ParseCsv("c,y\n\"two\nlines\",1\nu,2\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->targets_origin.Name(1), "t.csv, line 4");
}

TEST(Csv, RefusesColumnsThatAreNotThereListingThem) {
  EXPECT_EQ(ErrorOf("a,b\n1,2\n"), "t.csv has no column \"y\"; its columns are a, b.");
  CsvFile file = Table();
  file.categorical = {"c"};
  EXPECT_EQ(ErrorOf("a,y\n1,2\n", file), "t.csv has no column \"c\"; its columns are a, y.");
}

TEST(Csv, RefusesHeadersThatAreAmbiguousOrEmpty) {
  ErrorOf("a,a,y\n1,2,3\n");
  ErrorOf("a,,y\n1,2,3\n");
  ErrorOf("y\n1\n");
  ErrorOf("a,y\n1,2\n", {"y", "y"});
  ErrorOf("a,y\n1,2\n", std::vector<std::string>{});
  CsvFile file = Table();
  file.ignore = {"y"};
  ErrorOf("a,y\n1,2\n", file);
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

TEST(Csv, WhatIsNoTableIsSaid) {
  const std::string gzip("\x1F\x8B\x08\0\0\0", 6);
  const std::string zip("PK\x03\x04\x14\0", 6);
  EXPECT_EQ(ErrorOf(gzip),
            "t.csv is no CSV file: it is packed with gzip; unpack it first: gunzip.");
  EXPECT_NE(ErrorOf(zip).find("an Excel workbook"), std::string::npos);
  EXPECT_NE(ErrorOf("PAR1\x15\x04").find("a Parquet file"), std::string::npos);
  EXPECT_NE(ErrorOf("<!DOCTYPE html>\n<html>").find("a page in HTML"), std::string::npos);
  EXPECT_NE(ErrorOf("version https://git-lfs.github.com/spec/v1\noid sha256:0\n").find("Git LFS"),
            std::string::npos);
}

TEST(Csv, Utf16IsSaid) {
  const std::string text = "a,y\n1,2\n";
  for (const std::string& mark : {std::string("\xFF\xFE"), std::string()}) {
    std::string wide = mark;
    for (const char c : text) wide += {c, '\0'};
    EXPECT_NE(ErrorOf(wide).find("t.csv is text in UTF-16"), std::string::npos);
  }
  std::string wider("\xFF\xFE\0\0", 4);
  for (const char c : text) wider += std::string{c, '\0', '\0', '\0'};
  EXPECT_NE(ErrorOf(wider).find("t.csv is text in UTF-32"), std::string::npos);
  EXPECT_NE(ErrorOf(wider.substr(4)).find("t.csv is text in UTF-32"), std::string::npos);
  EXPECT_EQ(ErrorOf(std::string_view("a,y\n1,2\n\0,3\n", 12)),
            "t.csv, line 3: there is a NUL byte, which no text has: the file is damaged, or no "
            "table.");
}

// Categories name classes, so they must be text: else `caf\xE8` and `caf\xE9` would look the same.
TEST(Csv, CategoriesAreText) {
  CsvFile drinks = Table();
  drinks.categorical = {"y"};
  EXPECT_EQ(
      ErrorOf("a,y\n1,caf\xE9\n2,caf\xE8\n", drinks),
      "t.csv, line 2, column \"y\": the category \"caf\uFFFD\" is not UTF-8; convert the file, "
      "for instance: iconv -f LATIN1 -t UTF-8.");
  EXPECT_TRUE(ParseCsv("a,y\n1,café\n2,cafè\n", drinks).ok());
}

}  // namespace
}  // namespace descent
