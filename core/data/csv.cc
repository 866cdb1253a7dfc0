#include "core/data/csv.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent {
namespace {

// Splits the text into records. A field without quotes is a view of the text.
class Records {
 public:
  Records(std::string_view text, const std::string& path) : text_(text), path_(path) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
  }

  // Line of the last record's beginning, from 1.
  int64_t line() const { return line_; }

  bool AtEnd() {
    // Blank lines at the end are no rows.
    const size_t rest = text_.find_first_not_of("\r\n", at_);
    return rest == std::string_view::npos;
  }

  absl::Status Next(std::deque<std::string>* unquoted, std::vector<std::string_view>* fields) {
    line_ = next_line_;
    fields->clear();
    unquoted->clear();
    while (true) {
      if (at_ < text_.size() && text_[at_] == '"') {
        absl::Status status = Quoted(&unquoted->emplace_back());
        if (!status.ok()) return status;
        fields->push_back(unquoted->back());
      } else {
        const size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
        std::string_view field = text_.substr(at_, end - at_);
        if (!field.empty() && field.back() == '\r') field.remove_suffix(1);
        fields->push_back(field);
        at_ = end;
      }
      if (at_ >= text_.size()) return absl::OkStatus();
      if (text_[at_++] == '\n') {
        ++next_line_;
        return absl::OkStatus();
      }
    }
  }

 private:
  absl::Status Quoted(std::string* field) {
    ++at_;
    while (true) {
      const size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat(path_, ", line ", line_, ": a quoted field has no closing quote."));
      }
      next_line_ += std::count(text_.begin() + at_, text_.begin() + quote, '\n');
      field->append(text_.substr(at_, quote - at_));
      at_ = quote + 1;
      if (at_ < text_.size() && text_[at_] == '"') {
        field->push_back('"');
        ++at_;
        continue;
      }
      break;
    }
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n') {
      return absl::InvalidArgumentError(absl::StrCat(
          path_, ", line ", line_, ": text follows the closing quote of a quoted field."));
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  const std::string& path_;
  size_t at_ = 0;
  int64_t line_ = 0;
  int64_t next_line_ = 1;
};

std::string_view Trim(std::string_view field) {
  const size_t begin = field.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return field.substr(begin, field.find_last_not_of(" \t") - begin + 1);
}

std::optional<double> ParseNumber(std::string_view field) {
  field = Trim(field);
  if (field.size() > 1 && field[0] == '+' && field[1] != '-') field.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

// A long field in full would hide the rest of the message.
std::string Shown(std::string_view field) {
  return field.size() <= 40 ? std::string(field)
                            : absl::StrCat(std::string(field.substr(0, 40)), "…");
}

absl::Status CheckHeader(const std::vector<std::string>& names, const std::string& path,
                         const std::vector<std::string>& targets) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ", line 1: column ", i + 1, " has no name."));
    }
    if (std::count(names.begin(), names.end(), names[i]) > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ", line 1: two columns are named \"", names[i], "\"."));
    }
  }
  for (const std::string& target : targets) {
    if (std::count(names.begin(), names.end(), target) == 0) {
      return absl::InvalidArgumentError(absl::StrCat(path, " has no column \"", target,
                                                     "\"; its columns are ",
                                                     absl::StrJoin(names, ", "), "."));
    }
    if (std::count(targets.begin(), targets.end(), target) > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("The target column \"", target, "\" of ", path, " is named twice."));
    }
  }
  if (names.size() == targets.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has no input columns: all its columns are targets."));
  }
  return absl::OkStatus();
}

at::Tensor ToMatrix(const std::vector<double>& values, int64_t columns) {
  at::Tensor matrix =
      at::empty({static_cast<int64_t>(values.size()) / columns, columns}, at::kDouble);
  std::memcpy(matrix.data_ptr(), values.data(), values.size() * sizeof(double));
  return matrix;
}

}  // namespace

absl::StatusOr<CsvTable> ParseCsv(std::string_view text, const std::string& path,
                                  const std::vector<std::string>& targets) {
  if (targets.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("No target column of ", path, " is named."));
  }
  Records records(text, path);
  if (records.AtEnd()) return absl::InvalidArgumentError(absl::StrCat(path, " is empty."));
  std::deque<std::string> unquoted;  // its elements stay where they are: fields view them
  std::vector<std::string_view> fields;
  if (absl::Status status = records.Next(&unquoted, &fields); !status.ok()) return status;
  std::vector<std::string> names;
  for (std::string_view field : fields) names.emplace_back(Trim(field));
  if (absl::Status status = CheckHeader(names, path, targets); !status.ok()) return status;

  CsvTable table;
  table.target_names = targets;
  std::vector<int64_t> target_of(names.size(), -1);  // −1: an input
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = std::find(targets.begin(), targets.end(), names[i]);
    if (found == targets.end()) {
      table.input_names.push_back(names[i]);
    } else {
      target_of[i] = found - targets.begin();
    }
  }

  std::vector<double> inputs;
  std::vector<double> outputs;
  while (!records.AtEnd()) {
    if (absl::Status status = records.Next(&unquoted, &fields); !status.ok()) return status;
    if (fields.size() != names.size()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ", line ", records.line(), ": ",
                                                     fields.size(), " fields, but the header has ",
                                                     names.size(), "."));
    }
    const size_t row = outputs.size();
    outputs.resize(row + targets.size());
    for (size_t i = 0; i < fields.size(); ++i) {
      const std::optional<double> value = ParseNumber(fields[i]);
      if (!value || !std::isfinite(*value)) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ", line ", records.line(), ", column \"", names[i], "\": \"",
                         Shown(fields[i]), "\" is not a finite number."));
      }
      if (target_of[i] < 0) {
        inputs.push_back(*value);
      } else {
        outputs[row + target_of[i]] = *value;
      }
    }
  }
  if (outputs.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " has a header, but no rows."));
  }
  table.inputs = ToMatrix(inputs, static_cast<int64_t>(table.input_names.size()));
  table.targets = ToMatrix(outputs, static_cast<int64_t>(targets.size()));
  return table;
}

}  // namespace descent
