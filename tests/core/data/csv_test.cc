// Tables as they are: columns, rows, and which of them are read.

#include "core/data/csv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/data/csv_tables.h"

namespace descent {
namespace {

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
