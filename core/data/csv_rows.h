// Reads the rows of a table into its columns. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_CSV_ROWS_H_
#define DESCENT_CORE_DATA_CSV_ROWS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/csv.h"
#include "core/data/csv_columns.h"
#include "core/data/source.h"

namespace descent {

struct CsvTable {
  CsvColumns columns;          // with the values of all rows that are taken; categories by name
  std::vector<int64_t> lines;  // those of the rows, from 1
  // The rows' places among all rows of the file, from 0. Empty if all were taken.
  std::vector<int64_t> places;
};

// Reads a file's text. INVALID_ARGUMENT as in ParseCsv.
absl::StatusOr<CsvTable> ReadRows(std::string_view text, const CsvFile& options,
                                  const ReadOptions& read);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_ROWS_H_
