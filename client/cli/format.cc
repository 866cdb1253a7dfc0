#include "client/cli/format.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

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

std::string Bytes(int64_t bytes) {
  double value = static_cast<double>(bytes);
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    const int decimals = value < 10 && *unit != 'B' ? 1 : 0;
    if (value < 1000) return absl::StrFormat("%.*f %s", decimals, value, unit);
    value /= 1000;
  }
  return absl::StrFormat("%.1f TB", value);
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
  const absl::Duration age = absl::Now() - absl::FromUnixNanos(unix_nanos);
  if (age < absl::Seconds(1)) return "now";
  if (age < absl::Minutes(2)) return absl::StrCat(absl::ToInt64Seconds(age), " s ago");
  if (age < absl::Hours(2)) return absl::StrCat(absl::ToInt64Minutes(age), " min ago");
  if (age < absl::Hours(48)) return absl::StrCat(absl::ToInt64Hours(age), " h ago");
  return absl::StrCat(absl::ToInt64Hours(age) / 24, " days ago");
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

std::string Table::Render() const {
  std::vector<size_t> widths;
  const auto content = [](const std::string& cell) {
    return !cell.empty() && cell[0] == kRight ? std::string_view(cell).substr(1)
                                              : std::string_view(cell);
  };
  for (const auto& row : rows_) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(content(row[i])));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line = indent_;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string_view cell = content(row[i]);
      const std::string pad(widths[i] - Width(cell), ' ');
      const bool right = cell.size() != row[i].size();
      absl::StrAppend(&line, i > 0 ? "  " : "", right ? pad : "", std::string(cell),
                      right ? "" : pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

}  // namespace descent::cli
