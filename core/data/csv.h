// Tables as text (RFC 4180: fields may be quoted, "" is a quote inside quotes; LF, CRLF or CR; a
// UTF-8 byte order mark and blank lines are skipped). Free functions; any thread.
#ifndef DESCENT_CORE_DATA_CSV_H_
#define DESCENT_CORE_DATA_CSV_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"

namespace descent {

// Every column that is not named here is an input, one number each (csv_fields.h). A categorical
// input becomes one number (0 or 1) for each category, a categorical target the category's place:
// from 0, in the order of the names' bytes, or as the training data has them. A date becomes the
// days since 1970-01-01, or DateParts.
//
// A first column whose name is empty, or which the header leaves out and the rows have in quotes,
// holds the row numbers or names that pandas and R write: it is no input unless it is named.
struct CsvFile {
  static constexpr const char* kind = "csv";
  std::string path;
  std::vector<std::string> targets;
  bool header = true;           // if false, columns are called 0, 1, …
  std::string delimiter = ",";  // " " means runs of spaces and tabs
  std::string decimal = ".";
  std::optional<std::string> thousands;
  std::vector<std::string> ignore;
  std::vector<std::string> categorical;
  std::vector<std::string> dates;
  std::vector<std::string> date_parts;
  std::vector<std::string> date_format;  // as strptime's; the first that fits a field is taken
  MissingValues missing;

  void Describe(FieldList& fields) {
    fields(Named("path"), path).Required(kMissingPath);
    fields(Named("targets"), targets).Required("Name the targets.");
    fields(Flag("header"), header);
    fields(Named("delimiter"), delimiter);
    fields(Named("decimal"), decimal);
    fields(Named("thousands"), thousands);
    fields(Named("ignore"), ignore);
    fields(Named("categorical"), categorical);
    fields(Named("dates"), dates);
    fields(Named("date_parts"), date_parts);
    fields(Named("date_format"), date_format);
    fields(Named("missing"), missing);
    fields.Together([this] { return Check(); });
  }
  absl::Status Check() const;
  // Reads inputs [n, features] and targets [n, targets], float64. Where ReadOptions tells the
  // columns of the training data, these are found by their names; what is neither there nor named
  // here is refused, or, with inputs_only, noted. Weights are looked for in training data alone.
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Reads a file's text. Errors, all INVALID_ARGUMENT, name line (from 1) and column: a row with too
// few or too many fields, text or nothing where a number belongs, NaN or infinity, a category or
// column that the training data does not have, a name that is no column or stands twice, no rows,
// UTF-16.
absl::StatusOr<Examples> ParseCsv(std::string_view text, const CsvFile& options,
                                  const ReadOptions& read = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_H_
