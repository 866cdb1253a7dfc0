#include "core/data/csv_cells.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/csv_hints.h"
#include "core/data/source.h"

namespace descent {
namespace {

using Role = CsvColumn::Role;
using Kind = CsvColumn::Kind;

bool HasDigit(std::string_view text) {
  return text.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

absl::StatusOr<CsvCells> CsvCells::Create(const CsvFile& options) {
  absl::StatusOr<std::vector<std::string>> date_formats = DateFormats(options.date_format);
  if (!date_formats.ok()) return date_formats.status();
  return CsvCells(options, *std::move(date_formats));
}

CsvCells::CsvCells(const CsvFile& options, std::vector<std::string> date_formats)
    : options_(&options),
      format_{options.decimal.empty() ? '.' : options.decimal[0],
              options.thousands ? std::string_view(*options.thousands) : std::string_view()},
      date_formats_(std::move(date_formats)) {
  if (!takes_missing()) return;
  const bool usual = options.missing.tokens.empty();
  for (const std::string& token : usual ? UsualMissingTokens() : options.missing.tokens) {
    tokens_.insert(token);
    if (!HasDigit(token)) continue;  // True is no number of people's
    if (const auto number = ParseNumber(token, format_)) numbers_.insert(*number);
  }
}

bool CsvCells::takes_missing() const {
  return options_->missing.kind != MissingValues::Kind::kRefused;
}

CsvCell CsvCells::Look(std::string_view field, const CsvColumn& column) const {
  if (takes_missing() ? tokens_.count(field) > 0 : field.empty()) return {.missing = true};
  if (column.kind == Kind::kCategory) return {};
  if (column.kind != Kind::kNumber) return {.number = ParseDate(field, date_formats_)};
  std::string_view currency;
  const std::optional<double> number = ParseNumber(field, format_, &currency);
  // -999.0 is what -999 is, as in pandas; but True is not what 1 is.
  const bool missing =
      number && !numbers_.empty() && numbers_.count(*number) > 0 && HasDigit(field);
  return {.missing = missing, .number = number, .currency = currency};
}

std::string CsvCells::NoNumber(std::string_view field, const CsvColumn& column) const {
  const std::string shown = absl::StrCat("\"", Shown(field), "\" is ");
  if (column.kind != Kind::kNumber) {
    if (date_formats_.empty()) {
      return shown + "no date; `date_format` says how dates are written.";
    }
    return absl::StrCat(shown, "no date of ", absl::StrJoin(options_->date_format, " or "), ".");
  }
  return absl::StrCat(
      shown, "not a finite number",
      column.role == Role::kWeight ? "." : NumberHint(field, format_, options_->missing));
}

}  // namespace descent
