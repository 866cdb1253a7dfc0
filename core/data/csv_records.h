#ifndef DESCENT_CORE_DATA_CSV_RECORDS_H_
#define DESCENT_CORE_DATA_CSV_RECORDS_H_

// Splits a table's text into records of fields. The caller keeps text and path alive. One thread at
// a time.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace descent {

class CsvRecords {
 public:
  CsvRecords(std::string_view text, const std::string& path, char delimiter);

  // Line of the last record's beginning, from 1.
  int64_t line() const { return line_; }
  // Blank lines at the end are no rows.
  bool AtEnd() const;
  // The fields are views of the text, or of memory that the next call reuses.
  absl::Status Next(std::vector<std::string_view>* fields);

 private:
  absl::Status Quoted(std::string* field);

  std::string_view text_;
  const std::string& path_;
  const char delimiter_;
  const char ends_[3];  // what a field without quotes goes up to
  size_t at_ = 0;
  int64_t line_ = 0;
  int64_t next_line_ = 1;
  std::deque<std::string> unquoted_;  // its elements stay where they are: fields view them
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_RECORDS_H_
