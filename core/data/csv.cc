#include "core/data/csv.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/csv_columns.h"
#include "core/data/csv_fields.h"
#include "core/data/csv_records.h"
#include "core/data/file.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

using Role = CsvColumn::Role;
using Kind = CsvColumn::Kind;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kSecondsOfDay = 86400;

std::vector<std::string> NamesInOrder(const CsvColumn& column) {
  std::vector<std::string> names(column.numbers.size());
  for (const auto& [name, number] : column.numbers) names[static_cast<size_t>(number)] = name;
  return names;
}

// Categories were numbered in the order of appearance; now by name.
void Order(CsvColumn* column) {
  if (column->kind != Kind::kCategory || column->fixed) return;
  std::vector<std::pair<std::string, int64_t>> sorted(column->numbers.begin(),
                                                      column->numbers.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> renumbered(sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) {
    renumbered[static_cast<size_t>(sorted[i].second)] = static_cast<double>(i);
    column->numbers[sorted[i].first] = static_cast<int64_t>(i);
  }
  for (double& value : column->values) {
    if (!std::isnan(value)) value = renumbered[static_cast<size_t>(value)];
  }
}

// The numbers of an input, from `to` on in rows of `stride`.
void CopyInput(const CsvColumn& column, double* to, int64_t stride) {
  for (const double value : column.values) {
    switch (column.kind) {
      case Kind::kNumber:
        *to = value;
        break;
      case Kind::kCategory:
        if (!std::isnan(value)) to[static_cast<int64_t>(value)] = 1;
        break;
      case Kind::kDate:
        *to = value / kSecondsOfDay;
        break;
      case Kind::kDateParts: {
        std::array<double, 5> parts;
        parts.fill(kNothing);
        if (!std::isnan(value)) parts = DateParts(value);
        std::copy(parts.begin(), parts.end(), to);
      }
    }
    to += stride;
  }
}

// Those of a target or weight.
void CopyNumber(const CsvColumn& column, double* to, int64_t stride) {
  const double unit = column.kind == Kind::kDate ? kSecondsOfDay : 1;
  for (size_t i = 0; i < column.values.size(); ++i) {
    to[static_cast<int64_t>(i) * stride] = column.values[i] / unit;
  }
}

class Reader {
 public:
  Reader(std::string_view text, const CsvFile& options, const ReadOptions& read)
      : options_(options),
        read_(read),
        format_{options.decimal.empty() ? '.' : options.decimal[0],
                options.thousands ? std::string_view(*options.thousands) : std::string_view()},
        records_(text, options.path, options.delimiter.empty() ? ',' : options.delimiter[0]) {
    for (const std::string& format : options.date_format) {
      // Check() has refused what is no format.
      date_formats_.push_back(DateFormat(format).value_or(format));
    }
    const bool usual = options.missing.tokens.empty();
    for (const std::string& token : usual ? UsualMissingTokens() : options.missing.tokens) {
      tokens_.insert(token);
      if (const std::optional<double> number = Numeric(token)) numbers_.insert(*number);
    }
  }

  absl::StatusOr<Examples> Read() {
    if (absl::Status status = Begin(); !status.ok()) return status;
    while (!first_.empty() || !records_.AtEnd()) {
      if (absl::Status status = Row(); !status.ok()) return status;
    }
    if (lines_.empty()) {
      return absl::InvalidArgumentError(
          dropped_ > 0 ? absl::StrCat("All ", dropped_, " rows of ", path(),
                                      " lack something, so `missing.drop` leaves none.")
                       : absl::StrCat(path(), " has a header, but no rows."));
    }
    if (dropped_ > 0) {
      table_.notes.push_back(absl::StrCat(path(), ": ", dropped_, " of ",
                                          dropped_ + static_cast<int64_t>(lines_.size()),
                                          " rows are left out: they lack something."));
    }
    if (filled_ > 0) {
      table_.notes.push_back(absl::StrCat(path(), ": ", filled_,
                                          filled_ == 1 ? " input holds" : " inputs hold",
                                          " nothing, for which `missing` stands in."));
    }
    for (CsvColumn& column : table_.columns) Order(&column);
    NoteEmptyColumns();
    return Assemble();
  }

 private:
  const std::string& path() const { return options_.path; }

  absl::Status Begin() {
    if (records_.AtEnd()) return absl::InvalidArgumentError(absl::StrCat(path(), " is empty."));
    std::vector<std::string_view> fields;
    if (absl::Status status = records_.Next(&fields); !status.ok()) return status;
    std::vector<std::string> names;
    for (size_t i = 0; i < fields.size(); ++i) {
      names.push_back(options_.header ? std::string(Trim(fields[i])) : absl::StrCat(i));
    }
    if (!options_.header) {
      first_ = std::move(fields);
    } else if (!records_.AtEnd()) {
      // R's write.table gives row names no place in the header.
      if (absl::Status status = records_.Next(&first_); !status.ok()) return status;
      if (first_.size() == names.size() + 1 && records_.first_quoted()) {
        names.insert(names.begin(), "");
      }
    }
    absl::StatusOr<CsvColumns> described = DescribeColumns(names, options_, read_);
    if (!described.ok()) return described.status();
    table_ = *std::move(described);
    return absl::OkStatus();
  }

  absl::Status Row() {
    if (!first_.empty()) {
      fields_ = std::exchange(first_, {});
    } else if (absl::Status status = records_.Next(&fields_); !status.ok()) {
      return status;
    }
    if (fields_.size() != table_.columns.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path(), ", line ", records_.line(), ": ", fields_.size(),
          fields_.size() == 1 ? " field" : " fields", ", but the ",
          options_.header ? "header" : "first row", " has ", table_.columns.size(), "."));
    }
    for (std::string_view& field : fields_) field = Trim(field);
    if (options_.missing.kind == MissingValues::Kind::kDrop) {
      const size_t lacking = FirstMissing();
      if (lacking < fields_.size()) {
        ++dropped_;
        return read_.inputs_only ? Refuse(table_.columns[lacking],
                                          "the field holds nothing, and of what is to be predicted "
                                          "no row is left out.")
                                 : absl::OkStatus();
      }
    }
    lines_.push_back(records_.line());
    for (size_t i = 0; i < fields_.size(); ++i) {
      CsvColumn& column = table_.columns[i];
      if (column.role == Role::kIgnored) continue;
      if (absl::Status status = Field(fields_[i], i, &column); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // A number that is written with digits: True is none.
  std::optional<double> Numeric(std::string_view text) const {
    if (text.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
    return ParseNumber(text, format_);
  }

  bool IsMissing(std::string_view field, const CsvColumn& column) const {
    if (options_.missing.kind == MissingValues::Kind::kRefused) return field.empty();
    if (tokens_.count(field) > 0) return true;
    if (numbers_.empty() || column.kind != Kind::kNumber) return false;
    // -999.0 is what -999 is, as in pandas.
    const std::optional<double> number = Numeric(field);
    return number && numbers_.count(*number) > 0;
  }

  // In training data, where a mean would come from.
  void NoteEmptyColumns() {
    if (options_.missing.kind != MissingValues::Kind::kMean || !read_.columns.empty()) return;
    for (const CsvColumn& column : table_.columns) {
      if (column.role != Role::kInput || column.kind == Kind::kCategory ||
          !std::ranges::all_of(column.values, [](double x) { return std::isnan(x); })) {
        continue;
      }
      table_.notes.push_back(absl::StrCat(path(), ": column \"", Shown(column.name),
                                          "\" holds nothing at all, so there is no mean: it is 0 "
                                          "throughout. `ignore` could leave it out."));
    }
  }

  // The number of fields if none is missing.
  size_t FirstMissing() const {
    size_t i = 0;
    while (i < fields_.size() &&
           (table_.columns[i].role == Role::kIgnored || table_.columns[i].role == Role::kUnnamed ||
            !IsMissing(fields_[i], table_.columns[i]))) {
      ++i;
    }
    return i;
  }

  absl::Status Refuse(const CsvColumn& column, const std::string& problem) const {
    return absl::InvalidArgumentError(absl::StrCat(path(), ", line ", records_.line(),
                                                   ", column \"", column.name, "\": ", problem));
  }

  absl::Status Field(std::string_view field, size_t place, CsvColumn* column) {
    if (column->role == Role::kUnnamed) {
      if (field.empty()) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat(path(), ", line 1: column ", place + 1, " has no name."));
    }
    if (IsMissing(field, *column)) return Missing(field, column);
    if (column->kind == Kind::kCategory) return Category(std::string(field), column);
    const bool date = column->kind == Kind::kDate || column->kind == Kind::kDateParts;
    const std::optional<double> value =
        date ? ParseDate(field, date_formats_) : ParseNumber(field, format_);
    if (!value) return Refuse(*column, NoNumber(field, *column, date));
    if (column->role == Role::kWeight && *value < 0) {
      return Refuse(*column, absl::StrCat("the weight ", Shown(field), " is negative."));
    }
    column->values.push_back(*value);
    return absl::OkStatus();
  }

  std::string NoNumber(std::string_view field, const CsvColumn& column, bool date) const {
    const std::string shown = absl::StrCat("\"", Shown(field), "\" is ");
    if (date) {
      if (date_formats_.empty()) {
        return shown + "no date; `date_format` says how dates are written.";
      }
      return absl::StrCat(shown, "no date of ", absl::StrJoin(options_.date_format, " or "), ".");
    }
    const std::string no_number = shown + "not a finite number";
    if (column.role == Role::kWeight) return no_number + ".";
    const std::vector<std::string>& usual = UsualMissingTokens();
    if (std::find(usual.begin(), usual.end(), field) != usual.end()) {
      return absl::StrCat(no_number, "; `missing",
                          options_.missing.kind == MissingValues::Kind::kRefused ? "" : ".tokens",
                          "` could say what that means.");
    }
    const char decimal = format_.decimal;
    for (const std::string_view mark : {".", ",", " ", "'", "\u00A0", "\u202F", "\u2019"}) {
      if (mark[0] == decimal || !ParseNumber(field, {.decimal = decimal, .thousands = mark})) {
        continue;
      }
      return absl::StrCat(no_number, "; is `thousands` \"", std::string(mark), "\"",
                          mark == "\u00A0" || mark == "\u202F" ? " (a no-break space)?" : "?");
    }
    const char other = decimal == '.' ? ',' : '.';
    if (ParseNumber(field, {.decimal = other, .thousands = decimal == '.' ? "." : ","})) {
      return absl::StrCat(no_number, "; is `decimal` \"", std::string(1, other), "\"?");
    }
    if (!field.empty() && field.back() == '%' &&
        ParseNumber(Trim(field.substr(0, field.size() - 1)), format_)) {
      return no_number + "; write percentages without their sign.";
    }
    if (ParseDate(field)) return no_number + "; is the column one of `dates`?";
    return no_number + "; is the column `categorical`?";
  }

  absl::Status Missing(std::string_view field, CsvColumn* column) {
    const std::string what =
        field.empty() ? "the field is empty" : absl::StrCat("\"", Shown(field), "\" holds nothing");
    if (column->role != Role::kInput) {
      return Refuse(*column, absl::StrCat(what, ", but every example needs a ",
                                          column->role == Role::kTarget ? "target" : "weight",
                                          options_.missing.kind == MissingValues::Kind::kRefused
                                              ? "."
                                              : "; `missing: {drop: {}}` leaves such rows out."));
    }
    switch (options_.missing.kind) {
      case MissingValues::Kind::kRefused:
        return Refuse(*column, what + "; `missing` could say what that means.");
      case MissingValues::Kind::kMean:
        break;
      case MissingValues::Kind::kValue:
        if (column->kind == Kind::kNumber) {
          column->values.push_back(options_.missing.value);
          ++filled_;
          return absl::OkStatus();
        }
        if (column->kind != Kind::kCategory) {
          return Refuse(*column, what + ", and `missing.value` is no date: give `mean` or `drop`.");
        }
        break;
      case MissingValues::Kind::kDrop:  // such a row does not come here
        break;
    }
    column->values.push_back(kNothing);
    ++filled_;
    return absl::OkStatus();
  }

  absl::Status Category(std::string name, CsvColumn* column) {
    auto found = column->numbers.find(name);
    if (found == column->numbers.end()) {
      if (column->fixed) {
        return Refuse(*column,
                      absl::StrCat("the training data has no category \"", Shown(name), "\"."));
      }
      // It is the name of a class or an input from here on: two of them must not look the same.
      if (!IsUtf8(name)) {
        return Refuse(*column, absl::StrCat("the category \"", Shown(name),
                                            "\" is not UTF-8; convert the file, for instance: "
                                            "iconv -f LATIN1 -t UTF-8."));
      }
      const auto number = static_cast<int64_t>(column->numbers.size());
      found = column->numbers.emplace(std::move(name), number).first;
    }
    column->values.push_back(static_cast<double>(found->second));
    return absl::OkStatus();
  }

  absl::StatusOr<Examples> Assemble() {
    const auto rows = static_cast<int64_t>(lines_.size());
    const auto targets = static_cast<int64_t>(table_.targets.size());
    Examples examples;
    std::vector<const CsvColumn*> ordered(table_.inputs);
    for (const CsvColumn& column : table_.columns) {
      if (column.role == Role::kInput) ordered[column.place] = &column;
      if (column.kind == Kind::kCategory && !read_.inputs_only) {
        examples.categories[column.name] = NamesInOrder(column);
      }
    }
    std::vector<bool> one_hot;
    for (const CsvColumn* column : ordered) {
      examples.columns.push_back(column->name);
      one_hot.insert(one_hot.end(), column->width(), column->kind == Kind::kCategory);
    }
    const auto features = static_cast<int64_t>(one_hot.size());
    if (features == 0) {
      return absl::InvalidArgumentError(absl::StrCat(path(), " has no inputs: all are empty."));
    }
    examples.inputs = at::empty({rows, features}, at::kDouble);
    if (!read_.inputs_only) examples.targets = at::empty({rows, targets}, at::kDouble);
    auto* inputs = examples.inputs.mutable_data_ptr<double>();
    std::fill(inputs, inputs + rows * features, 0.0);
    for (const CsvColumn* column : ordered) {
      CopyInput(*column, inputs, features);
      inputs += column->width();
    }
    for (const CsvColumn& column : table_.columns) {
      if (column.role == Role::kTarget) {
        CopyNumber(column, examples.targets.mutable_data_ptr<double>() + column.place, targets);
      } else if (column.role == Role::kWeight) {
        examples.weights = at::empty({rows}, at::kDouble);
        CopyNumber(column, examples.weights.mutable_data_ptr<double>(), 1);
      }
    }
    examples.missing = options_.missing.kind == MissingValues::Kind::kMean;
    if (std::find(one_hot.begin(), one_hot.end(), true) != one_hot.end()) {
      examples.one_hot = std::move(one_hot);
    }
    examples.target_columns = table_.targets;
    examples.notes = table_.notes;
    examples.inputs_origin = Origin::Lines(path(), std::move(lines_));
    examples.targets_origin = examples.inputs_origin;
    return examples;
  }

  const CsvFile& options_;
  const ReadOptions& read_;
  const NumberFormat format_;
  std::vector<std::string> date_formats_;
  std::unordered_set<std::string_view> tokens_;  // of missing values
  std::unordered_set<double> numbers_;           // those that are numbers
  CsvRecords records_;
  std::vector<std::string_view> first_;   // a row that was looked at, until it is taken
  std::vector<std::string_view> fields_;  // of the present row
  CsvColumns table_;
  std::vector<int64_t> lines_;
  int64_t dropped_ = 0;  // rows
  int64_t filled_ = 0;   // inputs
};

// A byte order mark, or every other byte zero.
bool IsUtf16(std::string_view text) {
  const std::string_view mark = text.substr(0, 2);
  if (mark == "\xFF\xFE" || mark == "\xFE\xFF") return true;
  return text.substr(0, 4).find('\0') != std::string_view::npos;
}

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

bool IsOneCharacter(const std::string& text) {
  return text.size() == 1 && text != "\"" && text != "\n" && text != "\r";
}

// Whether it can stand between the digits of a number.
bool IsSeparator(const std::string& text) {
  if (text.empty() || CharacterLength(text) != text.size()) return false;
  return text.size() > 1 ? text != "\u2212"
                         : std::string_view("+-()\"\r\n").find(text[0]) == std::string_view::npos &&
                               !absl::ascii_isalnum(static_cast<unsigned char>(text[0]));
}

}  // namespace

absl::Status CsvFile::Check() const {
  constexpr char kOne[] =
      ": it must be one character (of ASCII) that is neither a quote nor a line break";
  if (!IsOneCharacter(delimiter)) {
    return absl::InvalidArgumentError(absl::StrCat("delimiter", kOne));
  }
  if (decimal != "." && decimal != ",") {
    return absl::InvalidArgumentError("decimal: it must be \".\" or \",\"");
  }
  if (thousands && !IsSeparator(*thousands)) {
    return absl::InvalidArgumentError(
        "thousands: it must be one character that is no digit, letter, sign, quote or line break");
  }
  if (thousands && *thousands == decimal) {
    return absl::InvalidArgumentError(absl::StrCat(
        "thousands: it is \"", decimal, "\", but so is `decimal`: one of them must be another"));
  }
  for (const std::string& format : date_format) {
    const absl::Status status = DateFormat(format).status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("date_format: ", status.message()));
    }
  }
  if (missing.kind == MissingValues::Kind::kValue && !std::isfinite(missing.value)) {
    return absl::InvalidArgumentError("missing.value: it must be a finite number");
  }
  return absl::OkStatus();
}

absl::StatusOr<Examples> CsvFile::Read(const ReadOptions& options) const {
  absl::StatusOr<FileContents> contents = ReadDataFile(path, options.roots);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<Examples> examples = ParseCsv(contents->bytes, *this, options);
  if (examples.ok()) examples->files.push_back(contents->digest);
  return examples;
}

absl::StatusOr<Examples> ParseCsv(std::string_view text, const CsvFile& options,
                                  const ReadOptions& read) {
  for (const auto& [begins, is] : kImpostors) {
    if (!text.starts_with(begins)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(options.path, " is no CSV file: it is ", is, "."));
  }
  if (IsUtf16(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.path,
        " is text in UTF-16, as Excel's \"Unicode Text\" is; save it as \"CSV UTF-8\", "
        "or convert it: iconv -f UTF-16 -t UTF-8."));
  }
  if (options.targets.empty() && !read.inputs_only) {
    return absl::InvalidArgumentError(
        absl::StrCat("No target column of ", options.path, " is named."));
  }
  return Reader(text, options, read).Read();
}

}  // namespace descent
