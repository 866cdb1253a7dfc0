// `CsvRecords` splits a table's text into records of fields. Lines end with LF, CRLF or CR; blank
// ones are no records. With a space as delimiter any run of spaces and tabs is one. The caller
// keeps text and path alive. One thread at a time.
#ifndef DESCENT_CORE_DATA_CSV_RECORDS_H_
#define DESCENT_CORE_DATA_CSV_RECORDS_H_

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

  // The line on which the last record begins, counted from 1.
  int64_t line() const { return line_; }
  // True if the last record's first field had quotes.
  bool first_quoted() const { return first_quoted_; }
  bool AtEnd() const { return at_ >= text_.size(); }
  // Takes the next record. Its fields are views of the text, or of memory that the next call
  // reuses.
  absl::Status Next(std::vector<std::string_view>* fields);

 private:
  bool Runs() const { return delimiter_ == ' '; }
  bool IsDelimiter(char c) const { return c == delimiter_ || (c == '\t' && Runs()); }
  bool IsBlank(char c) const { return c == ' ' || (c == '\t' && delimiter_ != '\t'); }
  static bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }
  size_t AfterBlanks(size_t at) const;
  void SkipBlankLines();
  void TakeLineEnd();
  absl::Status Quoted(std::string* field);

  std::string_view text_;
  const std::string& path_;
  const char delimiter_;
  size_t at_ = 0;
  int64_t line_ = 0;
  int64_t next_line_ = 1;
  bool first_quoted_ = false;
  std::deque<std::string> unquoted_;  // its elements stay where they are: fields view them
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_RECORDS_H_
