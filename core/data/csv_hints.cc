#include "core/data/csv_hints.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace descent {
namespace {

// What begins like this is no table of text, whatever it is called, and what to do about it.
struct Impostor {
  std::string_view begins;
  const char* is;
};
constexpr Impostor kImpostors[] = {
    {"\x1F\x8B", "packed with gzip; unpack it first: gunzip"},
    {"PK\x03\x04", "a zip archive or an Excel workbook; unpack it, or save its table as CSV"},
    {"PAR1\x15", "a Parquet file; write its table as CSV first"},
    {"<!DOCTYPE", "a page in HTML, not the file that it may speak of; download that"},
    {"<!doctype", "a page in HTML, not the file that it may speak of; download that"},
    {"<html", "a page in HTML, not the file that it may speak of; download that"},
    {"version https://git-lfs", "a pointer of Git LFS; fetch the file itself: git lfs pull"},
};

// Says which of the first four bytes are zero, as `.0.0`; other characters are shorter in UTF-8.
std::string Zeros(std::string_view text) {
  std::string zeros;
  for (const char c : text.substr(0, 4)) zeros += c == '\0' ? '0' : '.';
  return zeros;
}

// What people write where there is nothing, besides what pandas takes for it (UsualMissingTokens).
constexpr auto kNothings = std::to_array<std::string_view>(
    {"na",  "n/a",     "n.a.",    "nan",     "null",    "nil",   "none",  "nd",     "n.d.",
     "n/d", "missing", "unknown", "-",       "--",      "---",   ".",     "..",     "...",
     "*",   "#",       "#n/a",    "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"});

bool MeansNothing(std::string_view field) {
  const std::string lower = absl::AsciiStrToLower(std::string(field));
  return std::ranges::find(kNothings, lower) != kNothings.end();
}

}  // namespace

absl::Status CheckIsText(std::string_view text, const std::string& path) {
  for (const auto& [begins, is] : kImpostors) {
    if (!text.starts_with(begins)) continue;
    return absl::InvalidArgumentError(absl::StrCat(path, " is no CSV file: it is ", is, "."));
  }
  const std::string zeros = Zeros(text);
  const bool little = text.starts_with("\xFF\xFE");
  if ((little && zeros == "..00") || zeros == ".000" || zeros == "00.." || zeros == "000.") {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is text in UTF-32; convert it: iconv -f UTF-32 -t UTF-8."));
  }
  if (little || text.starts_with("\xFE\xFF") || zeros == ".0.0" || zeros == "0.0.") {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        " is text in UTF-16, as Excel's \"Unicode Text\" is; save it as \"CSV UTF-8\", "
        "or convert it: iconv -f UTF-16 -t UTF-8."));
  }
  const size_t nul = text.find('\0');
  if (nul == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ", line ", 1 + std::ranges::count(text.substr(0, nul), '\n'),
                   ": there is a NUL byte, which no text has: the file is damaged, or no table."));
}

std::string NumberHint(std::string_view field, const NumberFormat& format,
                       const MissingValues& missing) {
  const bool given = missing.kind != MissingValues::Kind::kRefused;
  const std::vector<std::string>& usual = UsualMissingTokens();
  const bool is_usual = std::ranges::find(usual, field) != usual.end();
  if (is_usual || MeansNothing(field)) {
    // Without tokens of one's own the usual ones hold.
    return absl::StrCat("; `missing", is_usual && !given ? "" : ".tokens",
                        "` could say what that means.");
  }
  const char decimal = format.decimal;
  for (const std::string_view mark : {".", ",", " ", "'", "\u00A0", "\u202F", "\u2019"}) {
    if (mark[0] == decimal || !ParseNumber(field, {.decimal = decimal, .thousands = mark})) {
      continue;
    }
    return absl::StrCat("; is `thousands` \"", std::string(mark), "\"",
                        mark == "\u00A0" || mark == "\u202F" ? " (a no-break space)?" : "?");
  }
  const char other = decimal == '.' ? ',' : '.';
  if (ParseNumber(field, {.decimal = other, .thousands = decimal == '.' ? "." : ","})) {
    return absl::StrCat("; is `decimal` \"", std::string(1, other), "\"?");
  }
  if (!field.empty() && field.back() == '%' &&
      ParseNumber(Trim(field.substr(0, field.size() - 1)), format)) {
    return "; write percentages without their sign.";
  }
  if (ParseDate(field)) return "; is the column one of `dates`?";
  return "; is the column `categorical`?";
}

std::string RowHint(const std::vector<std::string_view>& fields, size_t columns, bool first) {
  if (fields.front().starts_with('#'))
    return " A line that begins with # is no comment: remove it.";
  if (first && fields.size() == columns + 1 && !fields.back().empty()) {
    return " If its first field is the row's name, as R's write.table has it, the header needs a "
           "field for it: col.names = NA.";
  }
  return "";
}

}  // namespace descent
