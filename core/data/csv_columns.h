// What the columns of a table are is decided from the header, what was asked for, and the training
// data's columns if these are others. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_CSV_COLUMNS_H_
#define DESCENT_CORE_DATA_CSV_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/csv.h"
#include "core/data/source.h"

namespace descent {

struct CsvColumn {
  enum class Role {
    kIgnored,
    kUnnamed,  // ignored, and holds nothing
    kInput,
    kTarget,
    kWeight,
  };
  enum class Kind { kNumber, kCategory, kDate, kDateParts };

  // How many numbers it becomes as an input.
  size_t width() const;

  std::string name;
  Role role = Role::kInput;
  Kind kind = Kind::kNumber;
  size_t place = 0;    // among the inputs, or the targets
  bool fixed = false;  // the categories are those of the training data
  std::unordered_map<std::string, int64_t> numbers;  // the numbers of the categories
  std::vector<double>
      values;  // one for each row: a number, a category's number, seconds; NaN: nothing
};

struct CsvColumns {
  std::vector<CsvColumn> columns;  // as they stand in the file
  size_t inputs = 0;
  std::vector<std::string> targets;  // in the order of the examples' targets
  std::vector<std::string> notes;
};

// Decides for a table whose header has these names. INVALID_ARGUMENT, naming the file; ParseCsv
// says for what.
absl::StatusOr<CsvColumns> DescribeColumns(const std::vector<std::string>& names,
                                           const CsvFile& options, const ReadOptions& read);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_COLUMNS_H_
