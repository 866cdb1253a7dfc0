#include "core/data/csv_columns.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/csv_fields.h"

namespace descent {
namespace {

using Role = CsvColumn::Role;
using Kind = CsvColumn::Kind;
using Names = std::vector<std::string>;
using Set = std::unordered_set<std::string>;

constexpr size_t kShownNames = 20;

Set ToSet(const Names& names) { return Set(names.begin(), names.end()); }

std::string Listed(const Names& names) {
  const size_t count = std::min(names.size(), kShownNames);
  const std::string shown =
      absl::StrJoin(names.begin(), names.begin() + static_cast<ptrdiff_t>(count), ", ",
                    [](std::string* out, const std::string& name) { out->append(Shown(name)); });
  if (count == names.size()) return shown;
  return absl::StrCat(shown, ", … (", names.size(), " in all)");
}

class Describer {
 public:
  Describer(const Names& names, const CsvFile& options, const ReadOptions& read)
      : names_(names),
        options_(options),
        read_(read),
        second_(read.known.has_value()),
        by_training_(second_ && !read.columns.empty()),
        ignored_(ToSet(options.ignore)),
        categorical_(ToSet(options.categorical)),
        dates_(ToSet(options.dates)),
        date_parts_(ToSet(options.date_parts)) {}

  absl::StatusOr<CsvColumns> Describe() {
    if (absl::Status status = CheckNames(); !status.ok()) return status;
    if (absl::Status status = CheckAsked(); !status.ok()) return status;
    OrderTargets();
    if (absl::Status status = Assign(); !status.ok()) return status;
    if (described_.inputs == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path(), " has no input columns: all its columns are something else."));
    }
    return std::move(described_);
  }

 private:
  const std::string& path() const { return options_.path; }

  bool IsWeight(const std::string& name) const {
    return !read_.weight_column.empty() && name == read_.weight_column;
  }

  // True if the name is asked for.
  bool Named(const std::string& name) const {
    return target_places_.count(name) > 0 || IsWeight(name) || ignored_.count(name) > 0 ||
           input_places_.count(name) > 0;
  }

  absl::Status CheckNames() {
    for (size_t i = 0; i < read_.columns.size(); ++i) input_places_.emplace(read_.columns[i], i);
    for (const std::string& name : names_) {
      if (places_.emplace(name, places_.size()).second || name.empty()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(path(), ", line 1: two columns are named \"", Shown(name), "\"."));
    }
    return absl::OkStatus();
  }

  absl::Status NoSuchColumn(const std::string& name, const char* what) const {
    std::string hint;
    if (options_.header && names_[0].starts_with('#')) {
      hint = " Lines that begin with # are no comments: remove them.";
    } else if (names_.size() == 1 && options_.header) {
      for (const auto& [delimiter, shown] : {std::pair{';', ";"}, {'\t', "\\t"}, {',', ","}}) {
        if (names_[0].find(delimiter) == std::string::npos) continue;
        hint = absl::StrCat(" Is its delimiter \"", shown, "\"?");
      }
    }
    return absl::InvalidArgumentError(absl::StrCat(path(), " has no column \"", name, "\"", what,
                                                   "; its columns are ", Listed(names_), ".",
                                                   hint));
  }

  bool Has(const std::string& name) const { return places_.count(name) > 0; }

  // Checks the names that only training data need have: other data may lack what is ignored.
  absl::Status CheckAsked() {
    for (const std::string& name : read_.columns) {
      if (by_training_ && !Has(name)) {
        return NoSuchColumn(name, read_.inputs_only ? ", an input of the model"
                                                    : ", an input of the training data");
      }
    }
    if (!read_.inputs_only) {
      for (const std::string& name : options_.targets) {
        if (!Has(name)) return NoSuchColumn(name, "");
        if (input_places_.count(name) == 0) continue;
        return absl::InvalidArgumentError(
            absl::StrCat("The column \"", Shown(name), "\" of ", path(),
                         " is named as a target, but it is an input of the training data."));
      }
    }
    if (by_training_) {
      for (const std::string& name : options_.ignore) {
        if (input_places_.count(name) == 0) continue;
        return absl::InvalidArgumentError(
            absl::StrCat("The column \"", Shown(name), "\" of ", path(),
                         " is named in `ignore`, but it is an input of the training data, without "
                         "which the model can't be used."));
      }
    }
    if (second_) return absl::OkStatus();
    Names asked = options_.targets;
    asked.insert(asked.end(), options_.ignore.begin(), options_.ignore.end());
    if (!read_.weight_column.empty()) asked.push_back(read_.weight_column);
    Set seen;
    for (const std::string& name : asked) {
      if (!Has(name) && !read_.inputs_only) return NoSuchColumn(name, "");
      if (seen.insert(name).second) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("The column \"", name, "\" of ", path(),
                       " is named twice: a column is one of target, weight, ignored and input."));
    }
    if (read_.inputs_only) return absl::OkStatus();
    Set kinds;
    for (const Names* list : {&options_.categorical, &options_.dates, &options_.date_parts}) {
      for (const std::string& name : *list) {
        if (!Has(name)) return NoSuchColumn(name, "");
        if (kinds.insert(name).second) continue;
        return absl::InvalidArgumentError(
            absl::StrCat("The column \"", name, "\" of ", path(),
                         " is named twice: it is one of categorical, dates and date_parts."));
      }
    }
    return absl::OkStatus();
  }

  // Puts targets in the order of the training data's if they are the same ones.
  void OrderTargets() {
    described_.targets = options_.targets;
    const Names& training = read_.target_columns;
    if (std::is_permutation(training.begin(), training.end(), described_.targets.begin(),
                            described_.targets.end())) {
      described_.targets = training;
    }
    for (size_t i = 0; i < described_.targets.size(); ++i) {
      target_places_.emplace(described_.targets[i], i);
    }
  }

  absl::Status Assign() {
    Names extra;
    for (size_t i = 0; i < names_.size(); ++i) {
      CsvColumn& column = described_.columns.emplace_back();
      column.name = names_[i];
      if (column.name.empty() && !Named("")) {
        column.role = i == 0 ? Role::kIgnored : Role::kUnnamed;
        if (i == 0 && !second_) {
          described_.notes.push_back(absl::StrCat(
              path(),
              ": the first column has no name: it is taken for row numbers, not an input."));
        }
        continue;
      }
      column.role = RoleOf(column.name, &extra);
      absl::Status status = SetKind(&column);
      if (!status.ok()) return status;
    }
    if (extra.empty()) return absl::OkStatus();
    if (!read_.inputs_only) {
      const Names& targets = read_.target_columns;
      const bool target = std::find(targets.begin(), targets.end(), extra[0]) != targets.end();
      return absl::InvalidArgumentError(absl::StrCat(
          path(), " has the column \"", Shown(extra[0]),
          target ? "\", a target of the training data, but not of these: name it in `targets` or "
                   "in `ignore`."
                 : "\", which the training data does not have: leave it out, or name it in "
                   "`ignore`."));
    }
    described_.notes.push_back(
        absl::StrCat(path(), ": not looked at, for the model has no such ",
                     extra.size() == 1 ? "input: " : "inputs: ", Listed(extra), "."));
    return absl::OkStatus();
  }

  Role RoleOf(const std::string& name, Names* extra) {
    const bool target = target_places_.count(name) > 0;
    const bool other = ignored_.count(name) > 0 || IsWeight(name);
    if (by_training_) {
      if (input_places_.count(name) > 0) return Role::kInput;
      if (target) return read_.inputs_only ? Role::kIgnored : Role::kTarget;
      if (!other) extra->push_back(name);
      return Role::kIgnored;
    }
    if (read_.inputs_only) return target || other ? Role::kIgnored : Role::kInput;
    if (target) return Role::kTarget;
    if (IsWeight(name) && !second_) return Role::kWeight;
    return other ? Role::kIgnored : Role::kInput;
  }

  absl::Status SetKind(CsvColumn* column) {
    if (column->role != Role::kInput && column->role != Role::kTarget) return absl::OkStatus();
    std::string trained_as = column->name;
    if (column->role == Role::kTarget) {
      column->place = target_places_.at(column->name);
      if (read_.target_columns.size() == described_.targets.size()) {
        trained_as = read_.target_columns[column->place];
      }
    } else {
      column->place = by_training_ ? input_places_.at(column->name) : described_.inputs;
      ++described_.inputs;
    }
    if (dates_.count(column->name) > 0) column->kind = Kind::kDate;
    if (date_parts_.count(column->name) > 0) {
      if (column->role == Role::kTarget) {
        return absl::InvalidArgumentError(
            absl::StrCat("The column \"", column->name, "\" of ", path(),
                         " is a target, which is one number: name it in `dates`."));
      }
      column->kind = Kind::kDateParts;
    }
    const bool categorical = categorical_.count(column->name) > 0;
    if (!second_) {
      if (categorical) column->kind = Kind::kCategory;
      return absl::OkStatus();
    }
    const auto known = read_.known->find(trained_as);
    if (known == read_.known->end()) {
      if (!categorical) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat(
          "The column \"", column->name, "\" of ", path(),
          " is categorical, but that of the training data is not: which number stands for which "
          "category is not known."));
    }
    column->kind = Kind::kCategory;
    column->fixed = true;
    for (const std::string& name : known->second) {
      column->numbers.emplace(name, static_cast<int64_t>(column->numbers.size()));
    }
    return absl::OkStatus();
  }

  const Names& names_;
  const CsvFile& options_;
  const ReadOptions& read_;
  const bool second_;       // whether there are training data besides these
  const bool by_training_;  // whether those are a table
  const Set ignored_;
  const Set categorical_;
  const Set dates_;
  const Set date_parts_;
  std::unordered_map<std::string, size_t> places_;
  std::unordered_map<std::string, size_t> input_places_;  // those of the training data
  std::unordered_map<std::string, size_t> target_places_;
  CsvColumns described_;
};

}  // namespace

size_t CsvColumn::width() const {
  switch (kind) {
    case Kind::kCategory:
      return numbers.size();
    case Kind::kDateParts:
      return DateParts(0).size();
    default:
      return 1;
  }
}

absl::StatusOr<CsvColumns> DescribeColumns(const std::vector<std::string>& names,
                                           const CsvFile& options, const ReadOptions& read) {
  return Describer(names, options, read).Describe();
}

}  // namespace descent
