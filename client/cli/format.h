// How the CLI writes things for people. Programs get JSON instead. Free functions; any thread.
#ifndef DESCENT_CLIENT_CLI_FORMAT_H_
#define DESCENT_CLIENT_CLI_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace descent::cli {

std::string Count(int64_t n);  // 60,000
// Gives 0.0123457; what is not finite as Python and NumPy print it: nan, inf, -inf.
std::string Number(double value, int digits = 6);
std::string Percent(double fraction, int decimals = 0);  // 26%
std::string Duration(absl::Duration d);                  // 0:07, 1:02:03, 2d 3h
std::string Ago(int64_t unix_nanos);                     // 2 min ago
// Gives the seconds of what people type as a time: `90s`, `30m`, `12h` or `30d`; 0 if it is none,
// or more than a hundred years.
int64_t SecondsOf(std::string_view text);
std::string LocalTime(int64_t unix_nanos);  // 2026-11-21 10:00:00
std::string TimeOfDay(int64_t unix_nanos);  // 10:00:00

// Gives text of others' (names, reasons, paths) without control characters and overrides of its
// direction: it could move the cursor of the terminal it is shown on, or make one name look like
// another.
std::string Visible(std::string_view text);

// Gives the columns that it takes on a terminal, a code point being one.
size_t Width(std::string_view text);

// Gives the first `columns` of a text.
std::string Cut(std::string_view text, size_t columns);

// Breaks a text at spaces into lines of at most `columns`, all but the first indented, which begins
// at the column `indent`. A word longer than a line, as of a path, is broken after a slash or a dot
// where there is one. Where there is no room, the text stays as it is.
std::string Wrap(std::string_view text, size_t columns, size_t indent);

// Lines of cells in columns as wide as their widest cell, `gap` spaces apart. A cell that begins
// with kRight is aligned to the right; one that begins with kWhole is never broken.
class Table {
 public:
  static constexpr char kRight = '\x01';
  static constexpr char kWhole = '\x02';

  explicit Table(std::string indent = "", size_t gap = 2) : indent_(std::move(indent)), gap_(gap) {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // Leaves out this column of every row.
  void Drop(size_t column);
  // Cuts the cells of this column, by an ellipsis, so that no line is longer than `columns`; some
  // characters of a cell stay in any case.
  void Shorten(size_t column, size_t columns);
  // Gives the columns of the widest line.
  size_t Columns() const;
  // Gives the lines in so many columns, where that can be: the last cell of a row is wrapped, and
  // where too little room is left for it, all cells but the first stand below it.
  std::string Render(size_t columns = std::string::npos) const;

 private:
  std::vector<size_t> Widths() const;
  bool FitsBeside(size_t columns) const;
  // Gives the text of each row.
  std::vector<std::string> Rows(size_t columns) const;
  std::vector<std::string> Stacked(size_t columns) const;

  std::string indent_;
  size_t gap_;
  std::vector<std::vector<std::string>> rows_;
};

// Makes a number's cell.
std::string Right(std::string text);
// Makes the cell of a command that people copy.
std::string Whole(std::string text);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_FORMAT_H_
