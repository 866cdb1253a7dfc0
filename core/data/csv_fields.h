// What the text of one field of a table means. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_CSV_FIELDS_H_
#define DESCENT_CORE_DATA_CSV_FIELDS_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace descent {

// How numbers are written. It is a view of the options that it comes from.
struct NumberFormat {
  char decimal = '.';
  std::string_view thousands = {};  // one character, of any bytes; empty: none
};

// Shortens a field for messages: a long field in full would hide the rest of them.
std::string Shown(std::string_view field);

// Gives the field without blanks (spaces and tabs) around it.
std::string_view Trim(std::string_view field);

// Reads `-4.5`, `−4.5` (U+2212), `+6`, `5e-1`, `１２`; `True` and `false` as 1 and 0; with a
// currency's sign or code before or after it (`5 USD`); in parentheses, as accounts write what is
// below zero: `(4.5)`. Separators of thousands must stand where they can. What is too small for a
// double is 0. Gives nothing if it is no finite number. `currency`, unless it is null, becomes that
// sign or code, if there is one; it lives for ever.
std::optional<double> ParseNumber(std::string_view field, const NumberFormat& format = {},
                                  std::string_view* currency = nullptr);

// Makes of formats of strptime's (`%m/%d/%Y`) what ParseDate takes. INVALID_ARGUMENT names a
// directive that says nothing here, such as that of a week.
absl::StatusOr<std::vector<std::string>> DateFormats(const std::vector<std::string>& formats);

// Gives the seconds since 1970-01-01 UTC of a date, with or without a time: ISO 8601 (`2024-01-31`,
// `20240131`, `2024-01-31T08:30:00Z`, a space for the T, `2024-01`), `2024/01/31`, `31.01.2024`; or
// as the first of the formats (of DateFormats) that fits. Gives nothing if it is no date. A time
// alone is taken on 1970-01-01.
std::optional<double> ParseDate(std::string_view field,
                                const std::vector<std::string>& formats = {});

// Gives year, month (1 to 12), day (1 to 31), day of the week (0 is Monday) and hour, with minutes
// and seconds as its fraction, of such seconds.
std::array<double, 5> DateParts(double seconds);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_CSV_FIELDS_H_
