#ifndef DESCENT_CORE_DATA_CSV_H_
#define DESCENT_CORE_DATA_CSV_H_

// Comma-separated tables of numbers with one header row (RFC 4180: fields may be quoted, "" is a
// quote inside quotes; LF or CRLF; a UTF-8 byte order mark is skipped). Free functions; any thread.

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace descent {

struct CsvTable {
  std::vector<std::string> input_names;   // in the file's order
  std::vector<std::string> target_names;  // in the order they were asked for
  at::Tensor inputs;                      // [rows, inputs], float64
  at::Tensor targets;                     // [rows, targets], float64
};

// Every column that is not in `targets` is an input. `path` is for error messages, all
// InvalidArgument, which name line (the header is line 1) and column: a row with too few or too
// many fields, text or nothing where a number belongs, NaN or infinity, a target that is no column,
// a name that stands twice, no rows.
absl::StatusOr<CsvTable> ParseCsv(std::string_view text, const std::string& path,
                                  const std::vector<std::string>& targets);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_H_
