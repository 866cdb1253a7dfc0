// What one field of a table holds, by what its column is. Values; any thread.
#ifndef DESCENT_CORE_DATA_CSV_CELLS_H_
#define DESCENT_CORE_DATA_CSV_CELLS_H_

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/csv.h"
#include "core/data/csv_columns.h"
#include "core/data/csv_fields.h"

namespace descent {

// What a field holds, looked at once.
struct CsvCell {
  bool missing = false;
  // A number, or a date's seconds; nothing if it can't be read as one, or if it is a category's.
  std::optional<double> number = {};
  std::string_view currency = {};  // the number is an amount of it
};

// Reads fields as a table's options say.
class CsvCells {
 public:
  // Refers to the options. Gives the errors of DateFormats.
  static absl::StatusOr<CsvCells> Create(const CsvFile& options);

  // True if a field may hold nothing.
  bool takes_missing() const;
  CsvCell Look(std::string_view field, const CsvColumn& column) const;
  // Says of a field without a number why it has none: a sentence, with what to do about it.
  std::string NoNumber(std::string_view field, const CsvColumn& column) const;

 private:
  CsvCells(const CsvFile& options, std::vector<std::string> date_formats);

  const CsvFile* options_;
  NumberFormat format_;
  std::vector<std::string> date_formats_;
  std::unordered_set<std::string_view> tokens_;  // of missing values
  std::unordered_set<double> numbers_;           // those of them that are numbers
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_CELLS_H_
