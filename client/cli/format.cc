#include "client/cli/format.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "core/text/utf8.h"

namespace descent::cli {

std::string Count(int64_t n) {
  std::string digits = absl::StrCat(n);
  const size_t first = n < 0 ? 1 : 0;
  for (size_t end = digits.size(); end > first + 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

std::string Number(double value, int digits) {
  if (std::isnan(value)) return "nan";  // whatever its sign
  return absl::StrFormat("%.*g", digits, value);
}

std::string Percent(double fraction, int decimals) {
  if (!std::isfinite(fraction)) return Number(fraction);
  return absl::StrFormat("%.*f%%", decimals, 100 * fraction);
}

std::string Duration(absl::Duration d) {
  if (d == absl::InfiniteDuration()) return "?";
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(d + absl::Milliseconds(500)));
  const int64_t minutes = seconds / 60, hours = minutes / 60;
  if (hours >= 48) return absl::StrCat(hours / 24, "d ", hours % 24, "h");
  if (hours > 0) return absl::StrFormat("%d:%02d:%02d", hours, minutes % 60, seconds % 60);
  return absl::StrFormat("%d:%02d", minutes, seconds % 60);
}

std::string Ago(int64_t unix_nanos) {
  if (unix_nanos <= 0) return "-";  // a job whose journal is lost does not know
  const absl::Duration age = absl::Now() - absl::FromUnixNanos(unix_nanos);
  if (age < absl::Seconds(1)) return "now";
  if (age < absl::Minutes(2)) return absl::StrCat(absl::ToInt64Seconds(age), " s ago");
  if (age < absl::Hours(2)) return absl::StrCat(absl::ToInt64Minutes(age), " min ago");
  if (age < absl::Hours(48)) return absl::StrCat(absl::ToInt64Hours(age), " h ago");
  return absl::StrCat(absl::ToInt64Hours(age) / 24, " days ago");
}

int64_t SecondsOf(std::string_view text) {
  constexpr int64_t kSecondsADay = 86400;
  int64_t unit = 0;
  switch (text.empty() ? '\0' : text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = kSecondsADay;
      break;
    default:
      return 0;
  }
  int64_t count = 0;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size() - 1), &count)) return 0;
  return count > 0 && count <= 100 * 366 * kSecondsADay / unit ? count * unit : 0;
}

std::string LocalTime(int64_t unix_nanos) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixNanos(unix_nanos),
                          absl::LocalTimeZone());
}

std::string TimeOfDay(int64_t unix_nanos) {
  return absl::FormatTime("%H:%M:%S", absl::FromUnixNanos(unix_nanos), absl::LocalTimeZone());
}

std::string Visible(std::string_view text) {
  std::string out;
  while (true) {
    const size_t end = text.find('\n');
    out += Printable(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += "; ";
    text.remove_prefix(end + 1);
  }
}

size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Cut(std::string_view text, size_t columns) {
  if (Width(text) <= columns) return std::string(text);
  size_t end = 0;
  for (size_t shown = 0; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && ++shown > columns) break;
  }
  return std::string(text.substr(0, end));
}

std::string Right(std::string text) { return Table::kRight + std::move(text); }

std::string Whole(std::string text) { return Table::kWhole + std::move(text); }

namespace {

// What is wrapped gets at least so many columns.
constexpr size_t kLeastRoom = 16;

bool Is(char mark, std::string_view cell) { return !cell.empty() && cell[0] == mark; }

std::string_view Content(std::string_view cell) {
  return Is(Table::kRight, cell) || Is(Table::kWhole, cell) ? cell.substr(1) : cell;
}

// Gives how much of a word that is longer than a line stands in so many columns of it, in bytes.
size_t Part(std::string_view word, size_t columns) {
  const std::string fits = Cut(word, columns);
  const size_t separator = fits.find_last_of("/.");
  return separator == std::string::npos || separator == 0 ? fits.size() : separator + 1;
}

}  // namespace

std::string Wrap(std::string_view text, size_t columns, size_t indent) {
  if (columns == std::string::npos || columns < indent + kLeastRoom) return std::string(text);
  std::string out;
  size_t at = indent;
  while (!text.empty()) {
    // Takes a word with the spaces before it.
    const size_t word = std::min(text.find_first_not_of(' '), text.size());
    size_t end = std::min(text.find(' ', word), text.size());
    size_t width = Width(text.substr(0, end));
    if (at + width > columns && at > indent) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      text.remove_prefix(word);
      at = indent;
      continue;
    }
    if (at + width > columns) {
      end = Part(text.substr(0, end), columns - at);
      width = Width(text.substr(0, end));
    }
    out += text.substr(0, end);
    at += width;
    text.remove_prefix(end);
  }
  return out;
}

void Table::Drop(size_t column) {
  for (auto& row : rows_) {
    if (column < row.size()) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
  }
}

void Table::Shorten(size_t column, size_t columns) {
  constexpr size_t kLeast = 4;
  const size_t now = Columns();
  if (now <= columns) return;
  const size_t over = now - columns, width = Widths()[column];
  const size_t room = std::max(kLeast, width > over ? width - over : 0);
  for (auto& row : rows_) {
    if (column >= row.size() || Width(row[column]) <= room) continue;
    row[column] = Cut(row[column], room - 1) + "…";
  }
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(Content(row[i])));
  }
  return widths;
}

size_t Table::Columns() const {
  const std::vector<size_t> widths = Widths();
  size_t columns = indent_.size();
  for (const size_t width : widths) columns += width;
  return widths.empty() ? columns : columns + gap_ * (widths.size() - 1);
}

bool Table::FitsBeside(size_t columns) const {
  if (Columns() <= columns) return true;
  const std::vector<size_t> widths = Widths();
  if (widths.size() < 2) return true;  // there is nothing to put it below
  const size_t before = Columns() - widths.back();
  return before + kLeastRoom <= columns &&
         std::none_of(rows_.begin(), rows_.end(), [&](const std::vector<std::string>& row) {
           return row.size() == widths.size() && Is(kWhole, row.back()) &&
                  before + Width(Content(row.back())) > columns;
         });
}

std::vector<std::string> Table::Stacked(size_t columns) const {
  Table below(indent_ + "  ", gap_);
  for (const auto& row : rows_) {
    below.Add(std::vector<std::string>(row.begin() + (row.empty() ? 0 : 1), row.end()));
  }
  std::vector<std::string> rows = below.Rows(columns);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows_[i].empty() || rows_[i][0].empty()) continue;
    const std::string_view first = Content(rows_[i][0]);
    rows[i] = absl::StrCat(
        indent_,
        Is(kWhole, rows_[i][0]) ? std::string(first) : Wrap(first, columns, indent_.size()),
        rows[i].empty() ? "" : "\n", rows[i]);
  }
  return rows;
}

std::vector<std::string> Table::Rows(size_t columns) const {
  if (!FitsBeside(columns)) return Stacked(columns);
  const std::vector<size_t> widths = Widths();
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string line = indent_;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string_view cell = Content(row[i]);
      const std::string pad(widths[i] - Width(cell), ' ');
      const bool right = Is(kRight, row[i]);
      absl::StrAppend(&line, i > 0 ? std::string(gap_, ' ') : "", right ? pad : "");
      const bool wrapped = i + 1 == row.size() && !Is(kWhole, row[i]);
      absl::StrAppend(&line, wrapped ? Wrap(cell, columns, Width(line)) : std::string(cell),
                      right ? "" : pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string Table::Render(size_t columns) const {
  std::string out;
  for (const std::string& row : Rows(columns)) absl::StrAppend(&out, row, "\n");
  return out;
}

}  // namespace descent::cli
