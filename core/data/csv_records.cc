#include "core/data/csv_records.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace descent {

CsvRecords::CsvRecords(std::string_view text, const std::string& path, char delimiter)
    : text_(text), path_(path), delimiter_(delimiter), ends_{delimiter, '\n', '\0'} {
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
}

bool CsvRecords::AtEnd() const {
  return text_.find_first_not_of("\r\n", at_) == std::string_view::npos;
}

absl::Status CsvRecords::Next(std::vector<std::string_view>* fields) {
  line_ = next_line_;
  fields->clear();
  unquoted_.clear();
  while (true) {
    if (at_ < text_.size() && text_[at_] == '"') {
      absl::Status status = Quoted(&unquoted_.emplace_back());
      if (!status.ok()) return status;
      fields->push_back(unquoted_.back());
    } else {
      const size_t end = std::min(text_.find_first_of(ends_, at_, 2), text_.size());
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

absl::Status CsvRecords::Quoted(std::string* field) {
  ++at_;
  while (true) {
    const size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ", line ", line_, ": a quoted field has no closing quote."));
    }
    next_line_ += std::count(text_.begin() + static_cast<ptrdiff_t>(at_),
                             text_.begin() + static_cast<ptrdiff_t>(quote), '\n');
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
  if (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n') {
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ", line ", line_, ": text follows the closing quote of a quoted field."));
  }
  return absl::OkStatus();
}

}  // namespace descent
