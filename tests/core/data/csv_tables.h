// Reads tables that tests write out, and what is wrong with them.
#ifndef DESCENT_TESTS_CORE_DATA_CSV_TABLES_H_
#define DESCENT_TESTS_CORE_DATA_CSV_TABLES_H_

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/data/csv.h"
#include "core/data/examples.h"
#include "core/data/source.h"

namespace descent {

inline CsvFile Table(const std::vector<std::string>& targets = {"y"}) {
  CsvFile file;
  file.path = "t.csv";
  file.targets = targets;
  return file;
}

inline std::string ErrorOf(std::string_view text, const CsvFile& options,
                           const ReadOptions& read = {}) {
  const absl::Status status = ParseCsv(text, options, read).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

inline std::string ErrorOf(std::string_view text, const std::vector<std::string>& targets = {"y"}) {
  return ErrorOf(text, Table(targets));
}

inline void ExpectTable(const at::Tensor& read, const std::vector<std::vector<double>>& rows) {
  ASSERT_EQ(read.size(0), static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(at::equal(read[static_cast<int64_t>(i)], at::tensor(rows[i], at::kDouble))) << i;
  }
}

inline ReadOptions After(const Examples& train) {
  return {
      .known = train.categories, .columns = train.columns, .target_columns = train.target_columns};
}

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_DATA_CSV_TABLES_H_
