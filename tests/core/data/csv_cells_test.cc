// What a field of a table holds: a number as people write it, a date, or nothing.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/data/csv.h"
#include "tests/core/data/csv_tables.h"

namespace descent {
namespace {

TEST(Csv, AnEmptyFieldIsRefusedUnlessItMeansSomething) {
  CsvFile file = Table();
  file.categorical = {"c"};
  const char* text = "c,a,y\nu,1,1\n,,2\n";
  EXPECT_EQ(
      ErrorOf(text, file),
      "t.csv, line 3, column \"c\": the field is empty; `missing` could say what that means.");
  file.missing = {MissingValues::Kind::kValue, -1};
  absl::StatusOr<Examples> table = ParseCsv(text, file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1, 1}, {0, -1}});
  file.missing.kind = MissingValues::Kind::kMean;
  table = ParseCsv(text, file);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(table->missing);
  EXPECT_TRUE(std::isnan(table->inputs[1][1].item<double>()));
  EXPECT_EQ(ErrorOf("c,a,y\nu,1,\n", file),
            "t.csv, line 2, column \"y\": the field is empty, but every example needs a target; "
            "`missing: {drop: {}}` leaves such rows out.");
}

TEST(Csv, TheUsualTokensHoldNothing) {
  CsvFile file = Table();
  EXPECT_EQ(ErrorOf("a,y\nNA,1\n", file),
            "t.csv, line 2, column \"a\": \"NA\" is not a finite number; `missing` could say what "
            "that means.");
  file.missing = {.kind = MissingValues::Kind::kValue, .value = -1};
  auto table = ParseCsv("a,b,y\nNA,?,1\nnull,\"\",2\n#N/A,None,3\nNaN,4,4\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{-1, -1}, {-1, -1}, {-1, -1}, {-1, 4}});
  // Those that are given are the only ones.
  file.missing.tokens = {"-999", "none"};
  table = ParseCsv("a,y\n-999,1\nnone,2\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{-1}, {-1}});
  EXPECT_NE(ErrorOf("a,y\nNA,1\n", file), "");
  // That holds for a category, too.
  file = Table();
  file.categorical = {"c"};
  file.missing.kind = MissingValues::Kind::kMean;
  table = ParseCsv("c,y\n?,1\nu,2\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{0}, {1}});
  EXPECT_EQ(ErrorOf("c,y\nu,NA\n", file),
            "t.csv, line 2, column \"y\": \"NA\" holds nothing, but every example needs a target; "
            "`missing: {drop: {}}` leaves such rows out.");
}

TEST(Csv, ATokenThatIsANumberMeansThatNumber) {
  CsvFile file = Table();
  file.categorical = {"c"};
  file.missing.kind = MissingValues::Kind::kDrop;
  file.missing.tokens = {"-999", "1"};
  auto table = ParseCsv("a,c,y\n-999.0,u,2\n-999,u,2\n-9.99e2,u,2\n-99,1.0,2\nTrue,u,3\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{-99, 1, 0}, {1, 0, 1}});
}

TEST(Csv, WhatIsFilledInIsNoted) {
  CsvFile file = Table();
  file.missing.kind = MissingValues::Kind::kMean;
  const char* text = "a,b,y\n,1,2\nNA,,2\n";
  const auto table = ParseCsv(text, file);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(
      table->notes,
      (std::vector<std::string>{
          "t.csv: 3 inputs hold nothing, for which `missing` stands in.",
          "t.csv: column \"a\" holds nothing at all, so there is no mean: it is 0 throughout. "
          "`ignore` could leave it out."}));
  EXPECT_EQ(ParseCsv(text, file, After(*table))->notes.size(), 1u);
  file.missing.tokens = {"-"};
  EXPECT_EQ(
      ErrorOf("a,y\nNA,1\n", file),
      "t.csv, line 2, column \"a\": \"NA\" is not a finite number; `missing.tokens` could say "
      "what that means.");
}

TEST(Csv, RowsThatLackSomethingAreDropped) {
  CsvFile file = Table();
  file.ignore = {"note"};
  file.categorical = {"c"};
  file.missing.kind = MissingValues::Kind::kDrop;
  const auto table = ParseCsv("c,note,a,y\nu,,1,1\n?,x,2,2\nv,x,NA,3\nv,x,4,\nw,NA,5,5\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1, 0, 1}, {0, 1, 5}});  // no category of a row that is left out
  ExpectTable(table->targets, {{1}, {5}});
  EXPECT_EQ(table->targets_origin.Name(1), "t.csv, line 6");
  EXPECT_EQ(table->notes,
            (std::vector<std::string>{"t.csv: 3 of 5 rows are left out: they lack something, most "
                                      "often \"c\" (1)."}));
  EXPECT_EQ(table->inputs_origin.Place(1), 4);
  EXPECT_EQ(ErrorOf("c,note,a,y\nu,,1,?\n", file),
            "All 1 rows of t.csv lack something, so `missing.drop` leaves none.");
  // That holds for what is to be predicted, too: the other rows say which they are.
  ReadOptions predicted = After(*table);
  predicted.inputs_only = true;
  const auto others = ParseCsv("y,c,a\n,u,\n,w,2\n?,?,NA\n?,u,4\n", file, predicted);
  ASSERT_TRUE(others.ok()) << others.status();
  ExpectTable(others->inputs, {{0, 1, 2}, {1, 0, 4}});
  EXPECT_EQ(others->notes,
            (std::vector<std::string>{"t.csv: 2 of 4 rows are left out: they lack something, most "
                                      "often \"a\" (2)."}));
  EXPECT_TRUE(others->inputs_origin.moved());
  EXPECT_EQ(others->inputs_origin.Place(0), 1);
  EXPECT_EQ(others->inputs_origin.Part({1}).Place(0), 3);
  EXPECT_FALSE(ParseCsv("c,a\nu,1\n", file, predicted)->inputs_origin.moved());
}

TEST(Csv, WhatMayMeanNothingIsAsked) {
  CsvFile file = Table();
  for (const bool given : {false, true}) {
    if (given) file.missing.kind = MissingValues::Kind::kMean;
    for (const char* nothing : {"na", "-", "--", ".", "n.a.", "missing", "#DIV/0!"}) {
      EXPECT_NE(ErrorOf(absl::StrCat("a,y\n", nothing, ",1\n"), file)
                    .find("; `missing.tokens` could say what that means."),
                std::string::npos)
          << nothing;
    }
  }
}

TEST(Csv, NumbersAsPeopleWriteThem) {
  const auto table = ParseCsv(
      "a,y\nTrue,1\nfalse,2\nTRUE,3\n$5,4\n-$1.50,5\n5 €,6\n\u00a312,7\n.5,8\n1.,9\n", Table());
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}, {0}, {1}, {5}, {-1.5}, {5}, {12}, {.5}, {1}});
  CsvFile grouped = Table();
  EXPECT_NE(ErrorOf("a,y\n\"1,234\",1\n", grouped).find("is `thousands` \",\"?"),
            std::string::npos);
  grouped.thousands = ",";
  const auto thousands =
      ParseCsv("a,y\n\"1,234\",1\n\"-1,234,567.5\",2\n\"12,34,567\",3\n\"$1,000\",4\n", grouped);
  ASSERT_TRUE(thousands.ok()) << thousands.status();
  ExpectTable(thousands->inputs, {{1234}, {-1234567.5}, {1234567}, {1000}});
  for (const char* bad : {"3,14", "1234,567", ",123", "1,2345", "1,,234", "1,234,5"}) {
    EXPECT_NE(ErrorOf(std::string("a,y\n\"") + bad + "\",1\n", grouped), "") << bad;
  }
  CsvFile german = Table();
  german.delimiter = ";";
  EXPECT_NE(ErrorOf("a;y\n3,14;1\n", german).find("is `decimal` \",\"?"), std::string::npos);
  german.decimal = ",";
  german.thousands = ".";
  const auto decimal =
      ParseCsv("a;y\n3,14;1\n1.234,5;2\n-0,5e2;3\n7;4\n1.234.567,89 €;5\n", german);
  ASSERT_TRUE(decimal.ok()) << decimal.status();
  ExpectTable(decimal->inputs, {{3.14}, {1234.5}, {-50}, {7}, {1234567.89}});
  EXPECT_NE(ErrorOf("a;y\n3.14;1\n", german), "");
  german.thousands = ",";
  EXPECT_FALSE(german.Check().ok());
}

TEST(Csv, NumbersOfAccountsAndOtherCountries) {
  const auto table = ParseCsv("a,y\n\u22125,1\n($5),2\n(1.5),3\n-\u20AC2,4\n", Table());
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{-5}, {-5}, {-1.5}, {-2}});
  EXPECT_NE(ErrorOf("a,y\n(-5),1\n", Table()), "");
  const auto more =
      ParseCsv("a,y\n5 USD,1\nR$5,2\nkr 5,3\n-EUR 1.5,4\n５,5\n－１２．５,6\n1e-400,7\n-1e-400,8\n",
               Table());
  ASSERT_TRUE(more.ok()) << more.status();
  ExpectTable(more->inputs, {{5}, {5}, {5}, {-1.5}, {5}, {-12.5}, {0}, {0}});
  EXPECT_FALSE(std::signbit(more->inputs[7].item<double>()));
  EXPECT_EQ(more->notes, (std::vector<std::string>{"t.csv: column \"a\" has amounts in USD and in "
                                                   "R$, which are taken for the same."}));
  EXPECT_TRUE(ParseCsv("a,y\n$5,1\n6,2\n$7,3\n", Table())->notes.empty());
  for (const char* bad : {"5 USDX", "krone 5", "5 kr 6", "USD", "1e400", "５x"}) {
    EXPECT_NE(ErrorOf(absl::StrCat("a,y\n", bad, ",1\n"), Table()), "") << bad;
  }
  for (const char* mark : {"\u00A0", "\u202F", "\u2019", "'", " "}) {
    CsvFile file = Table();
    const std::string text = absl::StrCat("a,y\n12", mark, "345.5,1\n");
    EXPECT_NE(ErrorOf(text, file).find(absl::StrCat("is `thousands` \"", mark, "\"")),
              std::string::npos)
        << ErrorOf(text, file);
    file.thousands = mark;
    ASSERT_TRUE(file.Check().ok()) << file.Check();
    const auto grouped = ParseCsv(text, file);
    ASSERT_TRUE(grouped.ok()) << grouped.status();
    ExpectTable(grouped->inputs, {{12345.5}});
  }
  for (const char* bad : {"1", "x", "-", "+", "\u2212", "", ",,", "\n"}) {
    CsvFile file = Table();
    file.thousands = bad;
    EXPECT_FALSE(file.Check().ok()) << bad;
  }
  EXPECT_NE(ErrorOf("a,y\n5%,1\n", Table()).find("without their sign"), std::string::npos);
  CsvFile german = Table();
  german.decimal = ",";
  german.delimiter = ";";
  EXPECT_NE(ErrorOf("a;y\n1.5;1\n", german).find("is `decimal` \".\"?"), std::string::npos);
  EXPECT_NE(ErrorOf("a;y\n1.234,5;1\n", german).find("is `thousands` \".\"?"), std::string::npos);
}

TEST(Csv, DatesAreDaysOrParts) {
  CsvFile file = Table();
  file.dates = {"d"};
  const auto days = ParseCsv(
      "d,y\n1970-01-02,1\n2024-02-29T12:00:00Z,2\n2024-02-29 06:00:00,3\n1949-01,4\n31.12.1969,5\n"
      "2024/02/29,6\n2024-02-29T12:00+06:00,7\n",
      file);
  ASSERT_TRUE(days.ok()) << days.status();
  // numpy.datetime64('2024-02-29').astype(int) is 19782, of '1949-01-01' −7670.
  ExpectTable(days->inputs, {{1}, {19782.5}, {19782.25}, {-7670}, {-1}, {19782}, {19782.25}});
  ExpectTable(ParseCsv("d,y\n20240229,1\n", file)->inputs, {{19782}});
  EXPECT_EQ(
      ErrorOf("d,y\n02/29/2024,1\n", file),
      "t.csv, line 2, column \"d\": \"02/29/2024\" is no date; `date_format` says how dates are "
      "written.");
  EXPECT_NE(ErrorOf("d,y\n2023-02-29,1\n", file), "");
  EXPECT_NE(ErrorOf("d,y\n29.02.24,1\n", file), "");
  file.date_format = {"%m/%d/%Y"};
  ExpectTable(ParseCsv("d,y\n02/29/2024,1\n", file)->inputs, {{19782}});
  // They are read as strptime does: a year has four digits.
  for (const auto& [format, field] : std::vector<std::pair<std::string, std::string>>{
           {"%Y%m%d", "20240229"},
           {"%d%m%Y", "29022024"},
           {"%Y%m%d%H%M", "202402290000"},
           {"%d %b %y", "29 Feb 24"},
           {"%Y-%m-%d %H:%M:%S.%f", "2024-02-29 00:00:00.000000"},
           {"100%% %F", "100% 2024-02-29"}}) {
    file.date_format = {format};
    ASSERT_TRUE(file.Check().ok()) << file.Check();
    const auto read = ParseCsv("d,y\n" + field + ",1\n", file);
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectTable(read->inputs, {{19782}});
  }
  file.date_format = {"%Y"};
  EXPECT_EQ(ErrorOf("d,y\n19580,1\n", file),
            "t.csv, line 2, column \"d\": \"19580\" is no date of %Y.");
  file.date_format = {"%m/%d/%Y", "%H:%M"};
  ExpectTable(ParseCsv("d,y\n02/29/2024,1\n12:00,2\n", file)->inputs, {{19782}, {0.5}});
  EXPECT_EQ(ErrorOf("d,y\n2024-02-29,1\n", file),
            "t.csv, line 2, column \"d\": \"2024-02-29\" is no date of %m/%d/%Y or %H:%M.");
  // What no date is read by is the format's fault, not the field's.
  for (const char* format : {"%q", "%U", "%Y-%j", "%", "day", "%%"}) {
    file.date_format = {format};
    EXPECT_EQ(file.Check().message().substr(0, 14), "date_format: \"") << file.Check();
  }
  file = Table();
  file.date_parts = {"d"};
  const auto parts = ParseCsv("a,d,b,y\n8,2024-02-29 18:30,9,1\n8,1969-12-31,9,1\n", file);
  ASSERT_TRUE(parts.ok()) << parts.status();
  ExpectTable(parts->inputs, {{8, 2024, 2, 29, 3, 18.5, 9}, {8, 1969, 12, 31, 2, 0, 9}});
}

}  // namespace
}  // namespace descent
