#include "core/data/csv_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/data/csv_cells.h"
#include "core/data/csv_fields.h"
#include "core/data/csv_hints.h"
#include "core/data/csv_records.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

using Role = CsvColumn::Role;
using Kind = CsvColumn::Kind;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// Numbers categories by their names; until here they were numbered in the order of appearance.
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

class Reader {
 public:
  Reader(std::string_view text, const CsvFile& options, const ReadOptions& read, CsvCells reader)
      : options_(options),
        read_(read),
        cell_reader_(std::move(reader)),
        records_(text, options.path, options.delimiter.empty() ? ',' : options.delimiter[0]) {}

  absl::StatusOr<CsvTable> Read() {
    if (absl::Status status = Begin(); !status.ok()) return status;
    while (!first_.empty() || !records_.AtEnd()) {
      if (absl::Status status = Row(); !status.ok()) return status;
    }
    const auto taken = static_cast<int64_t>(table_.lines.size());
    const int64_t dropped = rows_ - taken;
    if (taken == 0) {
      return absl::InvalidArgumentError(
          dropped > 0 ? absl::StrCat("All ", dropped, " rows of ", path(),
                                     " lack something, so `missing.drop` leaves none.")
                      : absl::StrCat(path(), " has a header, but no rows."));
    }
    if (dropped == 0) table_.places.clear();
    if (dropped > 0) NoteDropped(dropped);
    if (filled_ > 0) {
      Note(absl::StrCat(filled_, filled_ == 1 ? " input holds" : " inputs hold",
                        " nothing, for which `missing` stands in."));
    }
    for (CsvColumn& column : columns()) Order(&column);
    NoteEmptyColumns();
    return std::move(table_);
  }

 private:
  struct Currency {
    std::string_view first = {};  // of a column; empty if it has none
    bool noted = false;
  };

  const std::string& path() const { return options_.path; }
  std::vector<CsvColumn>& columns() { return table_.columns.columns; }

  void Note(const std::string& what) {
    table_.columns.notes.push_back(absl::StrCat(path(), ": ", what));
  }

  absl::Status Next(std::vector<std::string_view>* fields) {
    absl::Status status = records_.Next(fields);
    for (std::string_view& field : *fields) field = Trim(field);
    return status;
  }

  absl::Status Begin() {
    if (records_.AtEnd()) return absl::InvalidArgumentError(absl::StrCat(path(), " is empty."));
    std::vector<std::string_view> fields;
    if (absl::Status status = Next(&fields); !status.ok()) return status;
    if (absl::Status status = PassSeparatorLine(&fields); !status.ok()) return status;
    std::vector<std::string> names;
    for (size_t i = 0; i < fields.size(); ++i) {
      names.push_back(options_.header ? std::string(fields[i]) : absl::StrCat(i));
    }
    if (!options_.header) {
      first_ = std::move(fields);
    } else if (!records_.AtEnd()) {
      // R's write.table gives row names no place in the header.
      if (absl::Status status = Next(&first_); !status.ok()) return status;
      if (first_.size() == names.size() + 1 && records_.first_quoted()) {
        names.insert(names.begin(), "");
      }
    }
    absl::StatusOr<CsvColumns> described = DescribeColumns(names, options_, read_);
    if (!described.ok()) return described.status();
    table_.columns = *std::move(described);
    lacking_.resize(names.size());
    currencies_.resize(names.size());
    return absl::OkStatus();
  }

  // `sep=;`, by which Excel tells itself the delimiter, is no row.
  absl::Status PassSeparatorLine(std::vector<std::string_view>* fields) {
    const std::string_view first = fields->front();
    if (fields->size() == 2 && first == "sep=" && fields->back().empty() && !records_.AtEnd()) {
      return Next(fields);
    }
    if (fields->size() != 1 || first.size() != 5 || !first.starts_with("sep=")) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(
        path(), ", line ", records_.line(), ": it says that the delimiter is \"",
        Shown(first.substr(4)), "\", but `delimiter` is \"", options_.delimiter, "\"."));
  }

  absl::Status Row() {
    if (!first_.empty()) {
      fields_ = std::exchange(first_, {});
    } else if (absl::Status status = Next(&fields_); !status.ok()) {
      return status;
    }
    if (fields_.size() != columns().size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path(), ", line ", records_.line(), ": ", fields_.size(),
                       fields_.size() == 1 ? " field" : " fields", ", but the ",
                       options_.header ? "header" : "first row", " has ", columns().size(), ".",
                       RowHint(fields_, columns().size(), options_.header && rows_ == 0)));
    }
    const int64_t place = rows_++;
    cells_.assign(fields_.size(), {});
    bool lacks = false;
    for (size_t i = 0; i < fields_.size(); ++i) {
      const CsvColumn& column = columns()[i];
      if (column.role == Role::kIgnored || column.role == Role::kUnnamed) continue;
      cells_[i] = cell_reader_.Look(fields_[i], column);
      lacks = lacks || cells_[i].missing;
    }
    if (lacks && options_.missing.kind == MissingValues::Kind::kDrop) {
      for (size_t i = 0; i < cells_.size(); ++i) lacking_[i] += cells_[i].missing;
      return absl::OkStatus();
    }
    table_.lines.push_back(records_.line());
    table_.places.push_back(place);
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (absl::Status status = Take(i, &columns()[i]); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Refuse(const CsvColumn& column, const std::string& problem) const {
    return absl::InvalidArgumentError(absl::StrCat(path(), ", line ", records_.line(),
                                                   ", column \"", column.name, "\": ", problem));
  }

  // Takes a field of a row that is taken.
  absl::Status Take(size_t place, CsvColumn* column) {
    const std::string_view field = fields_[place];
    const CsvCell& cell = cells_[place];
    if (column->role == Role::kIgnored) return absl::OkStatus();
    if (column->role == Role::kUnnamed) {
      if (field.empty()) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat(path(), ", line 1: column ", place + 1, " has no name."));
    }
    if (cell.missing) return TakeMissing(field, column);
    if (column->kind == Kind::kCategory) return TakeCategory(std::string(field), column);
    if (!cell.number) return Refuse(*column, cell_reader_.NoNumber(field, *column));
    if (column->role == Role::kWeight && *cell.number < 0) {
      return Refuse(*column, absl::StrCat("the weight ", Shown(field), " is negative."));
    }
    column->values.push_back(*cell.number);
    if (!cell.currency.empty()) NoteCurrency(cell.currency, *column, &currencies_[place]);
    return absl::OkStatus();
  }

  // Notes once for a column: amounts in different currencies are no numbers to be compared.
  void NoteCurrency(std::string_view currency, const CsvColumn& column, Currency* known) {
    if (known->first.empty()) known->first = currency;
    if (known->noted || currency == known->first) return;
    known->noted = true;
    Note(absl::StrCat("column \"", Shown(column.name), "\" has amounts in ",
                      std::string(known->first), " and in ", std::string(currency),
                      ", which are taken for the same."));
  }

  absl::Status TakeMissing(std::string_view field, CsvColumn* column) {
    const std::string what =
        field.empty() ? "the field is empty" : absl::StrCat("\"", Shown(field), "\" holds nothing");
    if (column->role != Role::kInput) {
      return Refuse(*column, absl::StrCat(what, ", but every example needs a ",
                                          column->role == Role::kTarget ? "target" : "weight",
                                          cell_reader_.takes_missing()
                                              ? "; `missing: {drop: {}}` leaves such rows out."
                                              : "."));
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

  absl::Status TakeCategory(std::string name, CsvColumn* column) {
    auto found = column->numbers.find(name);
    if (found == column->numbers.end()) {
      if (column->fixed) {
        return Refuse(*column,
                      absl::StrCat("the training data has no category \"", Shown(name), "\"."));
      }
      // The name is that of a class or an input from here on: two of them must not look the same.
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

  void NoteDropped(int64_t dropped) {
    const auto most = std::ranges::max_element(lacking_);
    Note(absl::StrCat(
        dropped, " of ", rows_, " rows are left out: they lack something, most often \"",
        Shown(columns()[static_cast<size_t>(most - lacking_.begin())].name), "\" (", *most, ")."));
  }

  // Notes columns of training data that have nothing, where a mean would come from.
  void NoteEmptyColumns() {
    if (options_.missing.kind != MissingValues::Kind::kMean || !read_.columns.empty()) return;
    for (const CsvColumn& column : columns()) {
      if (column.role != Role::kInput || column.kind == Kind::kCategory ||
          !std::ranges::all_of(column.values, [](double x) { return std::isnan(x); })) {
        continue;
      }
      Note(absl::StrCat("column \"", Shown(column.name),
                        "\" holds nothing at all, so there is no mean: it is 0 throughout. "
                        "`ignore` could leave it out."));
    }
  }

  const CsvFile& options_;
  const ReadOptions& read_;
  const CsvCells cell_reader_;
  CsvRecords records_;
  std::vector<std::string_view> first_;   // a row that was looked at, until it is taken
  std::vector<std::string_view> fields_;  // of the present row
  std::vector<CsvCell> cells_;
  CsvTable table_;
  int64_t rows_ = 0;                  // how many the file had so far
  std::vector<int64_t> lacking_;      // by column: how many rows were left out for it
  std::vector<Currency> currencies_;  // by column
  int64_t filled_ = 0;                // how many inputs
};

}  // namespace

absl::StatusOr<CsvTable> ReadRows(std::string_view text, const CsvFile& options,
                                  const ReadOptions& read) {
  absl::StatusOr<CsvCells> cells = CsvCells::Create(options);
  if (!cells.ok()) return cells.status();
  return Reader(text, options, read, *std::move(cells)).Read();
}

}  // namespace descent
