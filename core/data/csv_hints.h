// Hints say what is probably the matter with a file that is no table, or with a field that is no
// number, and what to do about it. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_CSV_HINTS_H_
#define DESCENT_CORE_DATA_CSV_HINTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/data/csv_fields.h"
#include "core/data/source.h"

namespace descent {

// Gives INVALID_ARGUMENT, naming the file, if its text is no table: it is packed, a workbook, a
// page, UTF-16 or UTF-32, or has a NUL in it.
absl::Status CheckIsText(std::string_view text, const std::string& path);

// Says what may be meant by a field that ParseNumber can't read: the end of a sentence, with its
// stop, such as `; is the column `categorical`?`
std::string NumberHint(std::string_view field, const NumberFormat& format,
                       const MissingValues& missing);

// Says what may be meant by a row with more or fewer fields than there are columns: another
// sentence or nothing. `first` says that it is the table's first.
std::string RowHint(const std::vector<std::string_view>& fields, size_t columns, bool first);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_HINTS_H_
