#include "core/data/csv_records.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace descent {

CsvRecords::CsvRecords(std::string_view text, const std::string& path, char delimiter)
    : text_(text), path_(path), delimiter_(delimiter) {
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
  SkipBlankLines();
}

size_t CsvRecords::AfterBlanks(size_t at) const {
  while (at < text_.size() && IsBlank(text_[at])) ++at;
  return at;
}

void CsvRecords::SkipBlankLines() {
  while (at_ < text_.size()) {
    const size_t end = AfterBlanks(at_);
    if (end < text_.size() && !IsLineEnd(text_[end])) return;
    at_ = end;
    TakeLineEnd();
  }
}

void CsvRecords::TakeLineEnd() {
  if (at_ >= text_.size()) return;
  if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
  ++at_;
  ++next_line_;
}

absl::Status CsvRecords::Next(std::vector<std::string_view>* fields) {
  line_ = next_line_;
  fields->clear();
  unquoted_.clear();
  first_quoted_ = false;
  if (Runs()) at_ = AfterBlanks(at_);
  while (true) {
    // Many programs write a space before the quote.
    if (const size_t quote = AfterBlanks(at_); quote < text_.size() && text_[quote] == '"') {
      at_ = quote;
      first_quoted_ = first_quoted_ || fields->empty();
      absl::Status status = Quoted(&unquoted_.emplace_back());
      if (!status.ok()) return status;
      fields->push_back(unquoted_.back());
    } else {
      const size_t begin = at_;
      while (at_ < text_.size() && !IsDelimiter(text_[at_]) && !IsLineEnd(text_[at_])) ++at_;
      fields->push_back(text_.substr(begin, at_ - begin));
    }
    if (Runs()) at_ = AfterBlanks(at_);
    if (at_ >= text_.size() || IsLineEnd(text_[at_])) break;
    if (!Runs()) ++at_;
  }
  TakeLineEnd();
  SkipBlankLines();
  return absl::OkStatus();
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
  if (Runs()) return absl::OkStatus();
  at_ = AfterBlanks(at_);
  if (at_ < text_.size() && !IsDelimiter(text_[at_]) && !IsLineEnd(text_[at_])) {
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ", line ", line_, ": text follows the closing quote of a quoted field."));
  }
  return absl::OkStatus();
}

}  // namespace descent
