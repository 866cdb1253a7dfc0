#include "core/data/csv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"

namespace descent {
namespace {

CsvFile Table(const std::vector<std::string>& targets = {"y"}) {
  CsvFile file;
  file.path = "t.csv";
  file.targets = targets;
  return file;
}

std::string ErrorOf(std::string_view text, const CsvFile& options, const ReadOptions& read = {}) {
  const absl::Status status = ParseCsv(text, options, read).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

std::string ErrorOf(std::string_view text, const std::vector<std::string>& targets = {"y"}) {
  return ErrorOf(text, Table(targets));
}

void ExpectTable(const at::Tensor& read, const std::vector<std::vector<double>>& rows) {
  ASSERT_EQ(read.size(0), static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(at::equal(read[static_cast<int64_t>(i)], at::tensor(rows[i], at::kDouble))) << i;
  }
}

TEST(Csv, SplitsTargetsFromInputs) {
  absl::StatusOr<Examples> table = ParseCsv("a,y,b\n1,2,3\n-4.5,5e-1,+6\n", Table());
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1, 3}, {-4.5, 6}});
  ExpectTable(table->targets, {{2}, {0.5}});
}

TEST(Csv, KeepsTheOrderOfTheTargetsAskedFor) {
  absl::StatusOr<Examples> table = ParseCsv("a,y,z\n1,2,3\n", Table({"z", "y"}));
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->targets, {{3, 2}});
}

TEST(Csv, UnderstandsQuotesCarriageReturnsSpacesAndMissingLastNewline) {
  absl::StatusOr<Examples> table =
      ParseCsv("\xEF\xBB\xBF\"a, \"\"big\"\"\",y\r\n\"1\", 2 \r\n3,\"4\"", Table());
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}, {3}});
  ExpectTable(table->targets, {{2}, {4}});
}

TEST(Csv, ReadsOtherDelimitersAndNoHeader) {
  CsvFile file = Table({"1"});
  file.header = false;
  file.delimiter = ";";
  absl::StatusOr<Examples> table = ParseCsv("1;2;3\n4;5;6\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1, 3}, {4, 6}});
  ExpectTable(table->targets, {{2}, {5}});
  EXPECT_EQ(table->targets_origin.Name(1), "t.csv, line 2");
  EXPECT_EQ(ErrorOf("1;2;3\n4;5\n", file), "t.csv, line 2: 2 fields, but the first row has 3.");
  file.delimiter = "::";
  EXPECT_FALSE(file.Check().ok());
}

TEST(Csv, LeavesOutWhatIsIgnoredWhateverItHolds) {
  CsvFile file = Table();
  file.ignore = {"name"};
  absl::StatusOr<Examples> table = ParseCsv("name,a,y\nBob,1,2\n,3,4\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}, {3}});
}

TEST(Csv, CategoriesBecomeOneHotInputsAndClasses) {
  CsvFile file = Table();
  file.categorical = {"color", "y"};
  absl::StatusOr<Examples> table = ParseCsv("color,a,y\nred,1,yes\nblue,2,no\nred,3,no\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{0, 1, 1}, {1, 0, 2}, {0, 1, 3}});
  ExpectTable(table->targets, {{1}, {0}, {0}});
  EXPECT_EQ(table->categories, (Categories{{"color", {"blue", "red"}}, {"y", {"no", "yes"}}}));
  EXPECT_EQ(table->one_hot, (std::vector<bool>{true, true, false}));
}

TEST(Csv, TestDataHaveTheTrainingDatasCategories) {
  CsvFile file = Table();
  file.categorical = {"color", "y"};
  ReadOptions read;
  read.known = Categories{{"color", {"blue", "green", "red"}}, {"y", {"no", "yes"}}};
  absl::StatusOr<Examples> table = ParseCsv("color,y\nred,yes\n", file, read);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{0, 0, 1}});
  ExpectTable(table->targets, {{1}});
  EXPECT_EQ(ErrorOf("color,y\nred,yes\npink,no\n", file, read),
            "t.csv, line 3, column \"color\": the training data has no category \"pink\".");
}

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

TEST(Csv, TakesWeightsFromAColumn) {
  ReadOptions read;
  read.weight_column = "w";
  absl::StatusOr<Examples> table = ParseCsv("a,w,y\n1,0.5,2\n3,0,4\n", Table(), read);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}, {3}});
  EXPECT_TRUE(at::equal(table->weights, at::tensor({0.5, 0.0}, at::kDouble)));
  EXPECT_EQ(ErrorOf("a,w,y\n1,-1,2\n", Table(), read),
            "t.csv, line 2, column \"w\": the weight -1 is negative.");
}

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

ReadOptions After(const Examples& train) {
  return {
      .known = train.categories, .columns = train.columns, .target_columns = train.target_columns};
}

TEST(Csv, TestDataAreReadByTheNamesOfTheTrainingDatasColumns) {
  CsvFile file = Table({"y", "z"});
  file.ignore = {"id"};
  file.categorical = {"c", "z"};
  ReadOptions weighted;
  weighted.weight_column = "w";
  const auto train = ParseCsv("id,a,c,b,w,y,z\n1,2,u,3,1,4,no\n2,5,v,6,1,7,yes\n", file, weighted);
  ASSERT_TRUE(train.ok()) << train.status();
  ReadOptions read = After(*train);
  read.weight_column = "w";
  // The columns stand in another order, and neither the weight nor what is ignored is there.
  auto test = ParseCsv("z,b,y,c,a\nyes,30,40,v,20\n", file, read);
  ASSERT_TRUE(test.ok()) << test.status();
  ExpectTable(test->inputs, {{20, 0, 1, 30}});
  ExpectTable(test->targets, {{40, 1}});
  EXPECT_FALSE(test->weights.defined());
  EXPECT_EQ(
      ErrorOf("z,y,c,a\nyes,40,v,20\n", file, read),
      "t.csv has no column \"b\", an input of the training data; its columns are z, y, c, a.");
  EXPECT_EQ(
      ErrorOf("z,b,y,c,a,extra\nyes,30,40,v,20,1\n", file, read),
      "t.csv has the column \"extra\", which the training data does not have: leave it out, or "
      "name it in `ignore`.");
  // What is an input there can be nothing else here.
  file.ignore = {"b"};
  EXPECT_EQ(
      ErrorOf("z,b,y,c,a\nyes,30,40,v,20\n", file, read),
      "The column \"b\" of t.csv is named in `ignore`, but it is an input of the training data, "
      "without which the model can't be used.");
  file.ignore = {};
  file.targets = {"a"};
  EXPECT_EQ(
      ErrorOf("z,b,y,c,a\nyes,30,40,v,20\n", file, read),
      "The column \"a\" of t.csv is named as a target, but it is an input of the training data.");
  file.targets = {"z"};
  EXPECT_EQ(
      ErrorOf("z,b,y,c,a\nyes,30,40,v,20\n", file, read),
      "t.csv has the column \"y\", a target of the training data, but not of these: name it in "
      "`targets` or in `ignore`.");
  file.targets = {"y", "z"};
  EXPECT_EQ(ErrorOf("z,y,c,a,beta\nyes,40,v,20,30\n", file, read),
            "t.csv has no column \"b\", an input of the training data; its columns are z, y, c, a, "
            "beta.");
  EXPECT_EQ(ErrorOf("z,b,c,a\nyes,30,v,20\n", file, read),
            "t.csv has no column \"y\"; its columns are z, b, c, a.");
  file.ignore = {"extra"};
  EXPECT_TRUE(ParseCsv("z,b,y,c,a,extra\nyes,30,40,v,20,?\n", file, read).ok());
}

TEST(Csv, TestDatasTargetsMeanWhatTheTrainingDatasDo) {
  CsvFile file = Table({"y", "z"});
  file.categorical = {"y"};
  const auto train = ParseCsv("a,y,z\n1,dog,2\n1,cat,3\n", file);
  ASSERT_TRUE(train.ok()) << train.status();
  // The same ones named in another order are the same ones.
  file.targets = {"z", "y"};
  auto test = ParseCsv("a,y,z\n1,dog,5\n", file, After(*train));
  ASSERT_TRUE(test.ok()) << test.status();
  ExpectTable(test->targets, {{1, 5}});
  // One that is called otherwise has the categories of its place.
  file.targets = {"animal", "z"};
  file.categorical = {"animal"};
  test = ParseCsv("a,animal,z\n1,dog,5\n", file, After(*train));
  ASSERT_TRUE(test.ok()) << test.status();
  ExpectTable(test->targets, {{1, 5}});
  // Categories of columns that had none are nobody's.
  file = Table({"z"});
  file.categorical = {"a"};
  EXPECT_NE(ErrorOf("a,z\n1,2\n", file, {.known = Categories{}, .columns = {"a"}})
                .find("is categorical, but that of the training data is not"),
            std::string::npos);
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

TEST(Csv, ExcelsLineOfTheDelimiterIsNoRow) {
  CsvFile file = Table();
  const auto table = ParseCsv("sep=,\r\na,y\r\n1,2\r\n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}});
  EXPECT_EQ(table->targets_origin.Name(0), "t.csv, line 3");
  EXPECT_EQ(ErrorOf("sep=;\na;y\n1;2\n", file),
            "t.csv, line 1: it says that the delimiter is \";\", but `delimiter` is \",\".");
  file.delimiter = ";";
  EXPECT_TRUE(ParseCsv("sep=;\na;y\n1;2\n", file).ok());
}

TEST(Csv, AFirstColumnWithoutANameHoldsRowNumbers) {
  const std::vector<std::string> note = {
      "t.csv: the first column has no name: it is taken for row numbers, not an input."};
  for (const char* text :
       {",a,y\n0,1,2\n1,3,4\n", "\"\",\"a\",\"y\"\n\"Mazda\",1,2\n\"Fiat\",3,4\n",
        "\"a\",\"y\"\n\"1\",1,2\n\"2\",3,4\n"}) {
    const auto table = ParseCsv(text, Table());
    ASSERT_TRUE(table.ok()) << table.status();
    ExpectTable(table->inputs, {{1}, {3}});
    ExpectTable(table->targets, {{2}, {4}});
    EXPECT_EQ(table->notes, note);
  }
  // If it is named, it is what it is named as.
  const auto named = ParseCsv(",a\n0,1\n1,3\n", Table({""}));
  ASSERT_TRUE(named.ok()) << named.status();
  ExpectTable(named->targets, {{0}, {1}});
  // The comma at the end of each line is no column.
  const auto trailing = ParseCsv("a,y,\n1,2,\n3,4,\n", Table());
  ASSERT_TRUE(trailing.ok()) << trailing.status();
  ExpectTable(trailing->inputs, {{1}, {3}});
  EXPECT_EQ(ErrorOf("a,y,\n1,2,3\n"), "t.csv, line 1: column 3 has no name.");
}

TEST(Csv, BlankLinesAreNoRows) {
  const auto table = ParseCsv("\n\na,y\n\n1,2\n  \n\r\n3,4\n\n", Table());
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}, {3}});
  EXPECT_EQ(table->targets_origin.Name(1), "t.csv, line 8");
}

TEST(Csv, LinesMayEndWithACarriageReturnAlone) {
  const auto table = ParseCsv("a,y\r1,2\r3,4\r", Table());
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1}, {3}});
  EXPECT_EQ(ErrorOf("a,y\r1,2\rx,4\r").substr(0, 13), "t.csv, line 3");
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

TEST(Csv, RunsOfSpacesMayDelimit) {
  CsvFile file = Table();
  file.delimiter = " ";
  const auto table = ParseCsv("  a   y\tb \n 1.5  2 3\n\"4\"   5\t\t6  \n", file);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1.5, 3}, {4, 6}});
  EXPECT_EQ(ErrorOf("a;y\n1;2\n"),
            "t.csv has no column \"y\"; its columns are a;y. Is its delimiter \";\"?");
  // A space may come before a quote.
  const auto spaced = ParseCsv("\"a\", \"y\"\n1, \"2\" \n", Table());
  ASSERT_TRUE(spaced.ok()) << spaced.status();
  ExpectTable(spaced->targets, {{2}});
}

TEST(Csv, ToBePredictedItNeedsTheInputsAloneInAnyOrder) {
  CsvFile file = Table();
  file.ignore = {"id"};
  file.categorical = {"color", "y"};
  const auto train = ParseCsv("id,color,a,y\n1,red,2,yes\n2,blue,3,no\n", file);
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->columns, (std::vector<std::string>{"color", "a"}));
  const ReadOptions read{
      .known = train->categories, .columns = train->columns, .inputs_only = true};
  // There are neither the target nor what is ignored, and there are columns that nobody knows.
  auto table = ParseCsv("note,a,color\nx,5,red\n,6,blue\n", file, read);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{0, 1, 5}, {1, 0, 6}});
  EXPECT_FALSE(table->targets.defined());
  // A target that is there may hold anything.
  table = ParseCsv("color,a,y\nred,5,?\n", file, read);
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{0, 1, 5}});
  EXPECT_EQ(ErrorOf("color,y\nred,1\n", file, read),
            "t.csv has no column \"a\", an input of the model; its columns are color, y.");
  EXPECT_EQ(ErrorOf("color,a\ngreen,1\n", file, read),
            "t.csv, line 2, column \"color\": the training data has no category \"green\".");
  EXPECT_EQ(
      ParseCsv("note,a,color,y,id\nx,5,red,?,1\n", file, read)->notes,
      (std::vector<std::string>{"t.csv: not looked at, for the model has no such input: note."}));
  // Without training data to go by, all but the targets are inputs.
  table = ParseCsv("a,y,b\n1,2,3\n", Table(), {.inputs_only = true});
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1, 3}});
  table = ParseCsv("a,b\n1,3\n", Table({}), {.inputs_only = true});
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectTable(table->inputs, {{1, 3}});
}

}  // namespace
}  // namespace descent
