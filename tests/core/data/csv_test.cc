#include "core/data/csv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

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
            "t.csv, line 2, column \"y\": the field is empty, but every example needs a target.");
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
  EXPECT_EQ(ErrorOf("a,y\n1,2\n3\n"), "t.csv, line 3: 1 fields, but the header has 2.");
  EXPECT_EQ(ErrorOf("a,y\n1,2,3\n"), "t.csv, line 2: 3 fields, but the header has 2.");
  EXPECT_EQ(ErrorOf("a,y\n1,2\n\n3,4\n"), "t.csv, line 3: 1 fields, but the header has 2.");
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

TEST(Csv, ToBePredictedItNeedsTheInputsAloneInAnyOrder) {
  CsvFile file = Table();
  file.ignore = {"id"};
  file.categorical = {"color", "y"};
  const auto train = ParseCsv("id,color,a,y\n1,red,2,yes\n2,blue,3,no\n", file);
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->columns, (std::vector<std::string>{"color", "a"}));
  const ReadOptions read{
      .known = train->categories, .inputs_only = true, .columns = train->columns};
  // Neither target nor what is ignored; columns that nobody knows.
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
