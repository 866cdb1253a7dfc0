#include "core/data/csv.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/data/csv_columns.h"
#include "core/data/csv_fields.h"
#include "core/data/csv_hints.h"
#include "core/data/csv_rows.h"
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

// Writes the numbers of an input, from `to` on in rows of `stride`.
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

// Writes the numbers of a target or weight.
void CopyNumber(const CsvColumn& column, double* to, int64_t stride) {
  const double unit = column.kind == Kind::kDate ? kSecondsOfDay : 1;
  for (size_t i = 0; i < column.values.size(); ++i) {
    to[static_cast<int64_t>(i) * stride] = column.values[i] / unit;
  }
}

absl::StatusOr<Examples> Assemble(CsvTable table, const CsvFile& options, const ReadOptions& read) {
  const auto rows = static_cast<int64_t>(table.lines.size());
  const auto targets = static_cast<int64_t>(table.columns.targets.size());
  Examples examples;
  std::vector<const CsvColumn*> ordered(table.columns.inputs);
  for (const CsvColumn& column : table.columns.columns) {
    if (column.role == Role::kInput) ordered[column.place] = &column;
    if (column.kind == Kind::kCategory && !read.inputs_only) {
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
    return absl::InvalidArgumentError(absl::StrCat(options.path, " has no inputs: all are empty."));
  }
  examples.inputs = at::empty({rows, features}, at::kDouble);
  if (!read.inputs_only) examples.targets = at::empty({rows, targets}, at::kDouble);
  auto* inputs = examples.inputs.mutable_data_ptr<double>();
  std::fill(inputs, inputs + rows * features, 0.0);
  for (const CsvColumn* column : ordered) {
    CopyInput(*column, inputs, features);
    inputs += column->width();
  }
  for (const CsvColumn& column : table.columns.columns) {
    if (column.role == Role::kTarget) {
      CopyNumber(column, examples.targets.mutable_data_ptr<double>() + column.place, targets);
    } else if (column.role == Role::kWeight) {
      examples.weights = at::empty({rows}, at::kDouble);
      CopyNumber(column, examples.weights.mutable_data_ptr<double>(), 1);
    }
  }
  examples.missing = options.missing.kind == MissingValues::Kind::kMean;
  if (std::find(one_hot.begin(), one_hot.end(), true) != one_hot.end()) {
    examples.one_hot = std::move(one_hot);
  }
  examples.target_columns = std::move(table.columns.targets);
  examples.notes = std::move(table.columns.notes);
  examples.inputs_origin =
      Origin::Lines(options.path, std::move(table.lines), std::move(table.places));
  examples.targets_origin = examples.inputs_origin;
  return examples;
}

bool IsOneCharacter(const std::string& text) {
  return text.size() == 1 && text != "\"" && text != "\n" && text != "\r";
}

// True if the text can stand between the digits of a number.
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
  if (absl::Status status = DateFormats(date_format).status(); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("date_format: ", status.message()));
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
  if (absl::Status status = CheckIsText(text, options.path); !status.ok()) return status;
  if (options.targets.empty() && !read.inputs_only) {
    return absl::InvalidArgumentError(
        absl::StrCat("No target column of ", options.path, " is named."));
  }
  absl::StatusOr<CsvTable> table = ReadRows(text, options, read);
  if (!table.ok()) return table.status();
  return Assemble(*std::move(table), options, read);
}

}  // namespace descent
