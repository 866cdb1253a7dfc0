// Tests that tables as people have them are what pandas reads in them (tests/data/tables.py).

#include <ATen/ATen.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "descent/v1/spec.pb.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {
namespace {

std::vector<double> Numbers(std::istream& line) {
  std::vector<double> numbers;
  for (double number; line >> number;) numbers.push_back(number);
  return numbers;
}

void ExpectSums(const at::Tensor& rows, const std::vector<double>& sums, const std::string& table) {
  const at::Tensor sum = rows.sum(0);
  ASSERT_EQ(sum.numel(), static_cast<int64_t>(sums.size())) << table;
  for (size_t i = 0; i < sums.size(); ++i) {
    EXPECT_NEAR(sum[static_cast<int64_t>(i)].item<double>(), sums[i],
                1e-9 * std::abs(sums[i]) + 1e-12)
        << table << ", column " << i;
  }
}

TEST(TablesTest, AreWhatPandasReads) {
  const std::filesystem::path folder = std::filesystem::absolute("tests/data");
  std::ifstream file(folder / "tables.txt");
  DataCache cache;
  LoadedData data;
  std::string table;
  int tables = 0;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string word;
    line >> word;
    if (word == "table") {
      line >> table;
      ++tables;
    } else if (word == "options") {
      const std::string path = folder / "tables" / (table + ".csv");
      api::Spec spec;
      ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
          "execution { dtype: FLOAT64 } objective { mean_squared_error {} } data { train { csv { "
          "path: '" +
              path + "' " + text.substr(word.size()) + " } } }",
          &spec));
      spec.set_seed(0);
      Violations violations;
      ResolveData(&spec, &violations);
      data = {};
      EXPECT_TRUE(violations.empty() && cache.Load(spec, &data, &violations))
          << table << ": " << violations.list().front().description;
    } else if (word == "inputs" && data.train.inputs.defined()) {
      ExpectSums(data.train.inputs, Numbers(line), table);
    } else if (word == "targets" && data.train.inputs.defined()) {
      ExpectSums(data.train.targets, Numbers(line), table);
    }
  }
  EXPECT_GE(tables, 20);
}

}  // namespace
}  // namespace descent::worker
