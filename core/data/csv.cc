#include "core/data/csv.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/csv_records.h"
#include "core/data/file.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

std::string_view Trim(std::string_view field) {
  const size_t begin = field.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return field.substr(begin, field.find_last_not_of(" \t") - begin + 1);
}

std::optional<double> ParseNumber(std::string_view field) {
  if (field.size() > 1 && field[0] == '+' && field[1] != '-') field.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

// A long field in full would hide the rest of the message.
std::string Shown(std::string_view field) {
  return ShortUtf8(field, 40 + std::string_view("…").size());
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

size_t PlaceIn(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

struct Column {
  enum class Role { kIgnored, kInput, kTarget, kWeight };
  std::string name;
  Role role = Role::kInput;
  size_t place = 0;  // of a target or input: among those
  bool categorical = false;
  bool fixed = false;                      // the categories are those of the training data
  std::map<std::string, int64_t> numbers;  // of the categories
  std::vector<double> values;              // a number or a category's number a row; kNothing
};

class Reader {
 public:
  Reader(std::string_view text, const CsvFile& options, const ReadOptions& read)
      : options_(options),
        read_(read),
        records_(text, options.path, options.delimiter.empty() ? ',' : options.delimiter[0]) {}

  absl::StatusOr<Examples> Read() {
    if (absl::Status status = Begin(); !status.ok()) return status;
    while (!first_.empty() || !records_.AtEnd()) {
      if (absl::Status status = Row(); !status.ok()) return status;
    }
    if (lines_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(path(), " has a header, but no rows."));
    }
    for (Column& column : columns_) Order(&column);
    return Assemble();
  }

 private:
  using Role = Column::Role;

  const std::string& path() const { return options_.path; }

  absl::Status Begin() {
    if (records_.AtEnd()) return absl::InvalidArgumentError(absl::StrCat(path(), " is empty."));
    std::vector<std::string_view> fields;
    if (absl::Status status = records_.Next(&fields); !status.ok()) return status;
    for (size_t i = 0; i < fields.size(); ++i) {
      columns_.emplace_back().name =
          options_.header ? std::string(Trim(fields[i])) : absl::StrCat(i);
    }
    if (!options_.header) first_ = std::move(fields);
    if (absl::Status status = CheckNames(); !status.ok()) return status;
    for (Column& column : columns_) Describe(&column);
    if (std::none_of(columns_.begin(), columns_.end(),
                     [](const Column& c) { return c.role == Role::kInput; })) {
      return absl::InvalidArgumentError(
          absl::StrCat(path(), " has no input columns: all its columns are something else."));
    }
    return absl::OkStatus();
  }

  absl::Status CheckNames() {
    std::vector<std::string> names;
    std::unordered_set<std::string_view> seen;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& name = columns_[i].name;
      if (name.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat(path(), ", line 1: column ", i + 1, " has no name."));
      }
      if (!seen.insert(name).second) {
        return absl::InvalidArgumentError(
            absl::StrCat(path(), ", line 1: two columns are named \"", Shown(name), "\"."));
      }
      names.push_back(name);
    }
    if (read_.inputs_only) return CheckInputs(names);
    std::vector<std::string> asked = options_.targets;
    asked.insert(asked.end(), options_.ignore.begin(), options_.ignore.end());
    if (!read_.weight_column.empty()) asked.push_back(read_.weight_column);
    for (size_t i = 0; i < asked.size(); ++i) {
      if (std::count(asked.begin(), asked.begin() + static_cast<ptrdiff_t>(i), asked[i]) > 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("The column \"", asked[i], "\" of ", path(),
                         " is named twice: a column is one of target, weight, ignored and input."));
      }
    }
    asked.insert(asked.end(), options_.categorical.begin(), options_.categorical.end());
    for (const std::string& name : asked) {
      if (!Contains(names, name)) return NoSuchColumn(name, names, "");
    }
    return absl::OkStatus();
  }

  absl::Status CheckInputs(const std::vector<std::string>& names) const {
    for (const std::string& name : read_.columns) {
      if (!Contains(names, name)) return NoSuchColumn(name, names, ", an input of the model");
    }
    return absl::OkStatus();
  }

  absl::Status NoSuchColumn(const std::string& name, const std::vector<std::string>& names,
                            const char* what) const {
    return absl::InvalidArgumentError(absl::StrCat(path(), " has no column \"", name, "\"", what,
                                                   "; its columns are ", absl::StrJoin(names, ", "),
                                                   "."));
  }

  Column::Role RoleOf(const std::string& name) const {
    const bool other = Contains(options_.targets, name) || Contains(options_.ignore, name);
    if (read_.inputs_only) {
      const bool input = read_.columns.empty() ? !other && name != read_.weight_column
                                               : Contains(read_.columns, name);
      return input ? Role::kInput : Role::kIgnored;
    }
    if (Contains(options_.targets, name)) return Role::kTarget;
    if (name == read_.weight_column) return Role::kWeight;
    return other ? Role::kIgnored : Role::kInput;
  }

  void Describe(Column* column) {
    column->role = RoleOf(column->name);
    if (column->role == Role::kTarget) {
      column->place = PlaceIn(options_.targets, column->name);
    } else if (column->role == Role::kInput) {
      column->place = read_.columns.empty() ? inputs_ : PlaceIn(read_.columns, column->name);
      ++inputs_;
    }
    column->categorical =
        column->role != Role::kWeight && Contains(options_.categorical, column->name);
    if (!column->categorical || !read_.known) return;
    const auto known = read_.known->find(column->name);
    if (known == read_.known->end()) return;
    column->fixed = true;
    for (const std::string& name : known->second) {
      column->numbers.emplace(name, static_cast<int64_t>(column->numbers.size()));
    }
  }

  absl::Status Row() {
    if (!first_.empty()) {
      fields_ = std::exchange(first_, {});
    } else if (absl::Status status = records_.Next(&fields_); !status.ok()) {
      return status;
    }
    if (fields_.size() != columns_.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path(), ", line ", records_.line(), ": ", fields_.size(), " fields, but the ",
          options_.header ? "header" : "first row", " has ", columns_.size(), "."));
    }
    lines_.push_back(records_.line());
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (columns_[i].role == Role::kIgnored) continue;
      if (absl::Status status = Field(Trim(fields_[i]), &columns_[i]); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Refuse(const Column& column, const std::string& problem) const {
    return absl::InvalidArgumentError(absl::StrCat(path(), ", line ", records_.line(),
                                                   ", column \"", column.name, "\": ", problem));
  }

  absl::Status Field(std::string_view field, Column* column) {
    if (field.empty()) return Empty(column);
    if (column->categorical) return Category(std::string(field), column);
    const std::optional<double> value = ParseNumber(field);
    if (!value || !std::isfinite(*value)) {
      return Refuse(
          *column,
          absl::StrCat("\"", Shown(field), "\" is not a finite number",
                       column->role == Role::kWeight ? "." : "; is the column `categorical`?"));
    }
    if (column->role == Role::kWeight && *value < 0) {
      return Refuse(*column, absl::StrCat("the weight ", Shown(field), " is negative."));
    }
    column->values.push_back(*value);
    return absl::OkStatus();
  }

  absl::Status Empty(Column* column) {
    if (column->role != Role::kInput) {
      return Refuse(*column, absl::StrCat("the field is empty, but every example needs a ",
                                          column->role == Role::kTarget ? "target." : "weight."));
    }
    switch (options_.missing.kind) {
      case MissingValues::Kind::kRefused:
        return Refuse(*column, "the field is empty; `missing` could say what that means.");
      case MissingValues::Kind::kMean:
        column->values.push_back(kNothing);
        break;
      case MissingValues::Kind::kValue:
        column->values.push_back(column->categorical ? kNothing : options_.missing.value);
    }
    return absl::OkStatus();
  }

  absl::Status Category(const std::string& name, Column* column) {
    auto found = column->numbers.find(name);
    if (found == column->numbers.end()) {
      if (column->fixed) {
        return Refuse(*column,
                      absl::StrCat("the training data has no category \"", Shown(name), "\"."));
      }
      found = column->numbers.emplace(name, static_cast<int64_t>(column->numbers.size())).first;
    }
    column->values.push_back(static_cast<double>(found->second));
    return absl::OkStatus();
  }

  // Numbers were given in the order of appearance; now by name.
  static void Order(Column* column) {
    if (!column->categorical || column->fixed) return;
    std::vector<double> renumbered(column->numbers.size());
    int64_t next = 0;
    for (auto& [name, number] : column->numbers) {
      renumbered[static_cast<size_t>(number)] = static_cast<double>(next);
      number = next++;
    }
    for (double& value : column->values) {
      if (!std::isnan(value)) value = renumbered[static_cast<size_t>(value)];
    }
  }

  absl::StatusOr<Examples> Assemble() {
    const auto rows = static_cast<int64_t>(lines_.size());
    const auto targets = static_cast<int64_t>(options_.targets.size());
    Examples examples;
    std::vector<const Column*> ordered(inputs_);
    for (const Column& column : columns_) {
      if (column.role == Role::kInput) ordered[column.place] = &column;
      if (column.categorical && !read_.inputs_only) {
        examples.categories[column.name] = Names(column);
      }
    }
    std::vector<bool> one_hot;
    for (const Column* column : ordered) {
      examples.columns.push_back(column->name);
      one_hot.insert(one_hot.end(), column->categorical ? column->numbers.size() : 1,
                     column->categorical);
    }
    const auto features = static_cast<int64_t>(one_hot.size());
    if (features == 0) {
      return absl::InvalidArgumentError(absl::StrCat(path(), " has no inputs: all are empty."));
    }
    examples.inputs = at::empty({rows, features}, at::kDouble);
    if (!read_.inputs_only) examples.targets = at::empty({rows, targets}, at::kDouble);
    auto* inputs = examples.inputs.mutable_data_ptr<double>();
    std::fill(inputs, inputs + rows * features, 0.0);
    int64_t at = 0;
    for (const Column* column : ordered) {
      if (!column->categorical) {
        Copy(*column, inputs + at++, features);
        continue;
      }
      for (int64_t i = 0; i < rows; ++i) {
        const double number = column->values[static_cast<size_t>(i)];
        if (!std::isnan(number)) inputs[i * features + at + static_cast<int64_t>(number)] = 1;
      }
      at += static_cast<int64_t>(column->numbers.size());
    }
    for (const Column& column : columns_) {
      if (column.role == Role::kTarget) {
        Copy(column, examples.targets.mutable_data_ptr<double>() + column.place, targets);
      } else if (column.role == Role::kWeight) {
        examples.weights = at::empty({rows}, at::kDouble);
        Copy(column, examples.weights.mutable_data_ptr<double>(), 1);
      }
    }
    examples.missing = options_.missing.kind == MissingValues::Kind::kMean;
    if (std::find(one_hot.begin(), one_hot.end(), true) != one_hot.end()) {
      examples.one_hot = std::move(one_hot);
    }
    examples.inputs_origin = Origin::Lines(path(), std::move(lines_));
    examples.targets_origin = examples.inputs_origin;
    return examples;
  }

  // Into every `stride`th place.
  static void Copy(const Column& column, double* to, int64_t stride) {
    for (size_t i = 0; i < column.values.size(); ++i) {
      to[static_cast<int64_t>(i) * stride] = column.values[i];
    }
  }

  static std::vector<std::string> Names(const Column& column) {
    std::vector<std::string> names(column.numbers.size());
    for (const auto& [name, number] : column.numbers) names[static_cast<size_t>(number)] = name;
    return names;
  }

  const CsvFile& options_;
  const ReadOptions& read_;
  CsvRecords records_;
  std::vector<std::string_view> first_;   // a first row that is no header, until it is taken
  std::vector<std::string_view> fields_;  // of the present row
  std::vector<Column> columns_;
  size_t inputs_ = 0;  // columns that are inputs
  std::vector<int64_t> lines_;
};

}  // namespace

absl::Status CsvFile::Check() const {
  if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\n" || delimiter == "\r") {
    return absl::InvalidArgumentError(
        "delimiter: it must be one character (of ASCII) that is neither a quote nor a line break");
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
  if (options.targets.empty() && !read.inputs_only) {
    return absl::InvalidArgumentError(
        absl::StrCat("No target column of ", options.path, " is named."));
  }
  return Reader(text, options, read).Read();
}

}  // namespace descent
