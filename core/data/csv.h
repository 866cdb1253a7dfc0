#ifndef DESCENT_CORE_DATA_CSV_H_
#define DESCENT_CORE_DATA_CSV_H_

// Tables as text (RFC 4180: fields may be quoted, "" is a quote inside quotes; LF or CRLF; a UTF-8
// byte order mark is skipped). Free functions; any thread.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"

namespace descent {

// Every column that is not named here is an input, one number each. A categorical input becomes one
// number (0 or 1) for each category, a categorical target the category's place: from 0, in the
// order of the names' bytes, or as the training data has them.
struct CsvFile {
  static constexpr const char* kind = "csv";
  std::string path;
  std::vector<std::string> targets;
  bool header = true;  // without one, columns are called 0, 1, …
  std::string delimiter = ",";
  std::vector<std::string> ignore;
  std::vector<std::string> categorical;
  MissingValues missing;

  void Declare(SourceVisitor& visit) {
    visit.Path("path", path);
    visit.Names("targets", targets, true);
    visit.Flag("header", header);
    visit.Text("delimiter", delimiter);
    visit.Names("ignore", ignore, false);
    visit.Names("categorical", categorical, false);
    visit.Missing("missing", missing);
  }
  absl::Status Check() const;
  // Inputs [n, features] and targets [n, targets], float64. With inputs_only no column but those of
  // `columns` need be there, and they may stand in any order.
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Of a file's text. Errors, all InvalidArgument, name line (from 1) and column: a row with too few
// or too many fields, text or nothing where a number belongs, NaN or infinity, a category that the
// training data does not have, a name that is no column or stands twice, no rows.
absl::StatusOr<Examples> ParseCsv(std::string_view text, const CsvFile& options,
                                  const ReadOptions& read = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_H_
