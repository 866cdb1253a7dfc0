#include "server/daemon/jobs/listing.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "proto/rules/nearest.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr const char* kHelp =
    "write terms like state = RUNNING, owner = \"ana\", group = \"lab\", name = \"jobs/x\", "
    "display_name = \"x\" or labels.team = \"vision\", joined by AND";

absl::Status BadFilter(const std::string& what) {
  return InvalidField("filter", absl::StrCat(what, "; ", kHelp), reason::kInvalidFilter);
}

// Takes the filter apart: words, quoted strings, `=`, `!=`.
struct Token {
  enum Kind { kEnd, kWord, kString, kEqual, kNotEqual } kind = kEnd;
  std::string text;
};

class Scanner {
 public:
  explicit Scanner(const std::string& text) : text_(text) {}

  absl::StatusOr<Token> Next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    if (at_ == text_.size()) return Token{};
    const char c = text_[at_];
    if (c == '=') return ++at_, Token{Token::kEqual, "="};
    if (c == '!' && text_.compare(at_, 2, "!=") == 0) {
      return at_ += 2, Token{Token::kNotEqual, "!="};
    }
    if (c == '"' || c == '\'') return Quoted(c);
    const size_t begin = at_;
    while (at_ < text_.size() && IsWord(text_[at_])) ++at_;
    if (at_ == begin)
      return BadFilter(
          absl::StrCat("unexpected '",
                       ShortUtf8(text_.substr(at_, CharacterLength(text_.substr(at_))), 4), "'"));
    return Token{Token::kWord, text_.substr(begin, at_ - begin)};
  }

 private:
  static bool IsWord(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || absl::StrContains("._-/", c);
  }

  absl::StatusOr<Token> Quoted(char quote) {
    Token token{Token::kString, ""};
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) return ++at_, token;
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      token.text += text_[at_];
    }
    return BadFilter("a quoted string does not end");
  }

  const std::string& text_;
  size_t at_ = 0;
};

std::vector<std::string> States() {
  std::vector<std::string> states;
  const auto* type = v1::JobState_descriptor();
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) states.push_back(type->value(i)->name());
  }
  return states;
}

}  // namespace

absl::StatusOr<JobFilter> JobFilter::Parse(const std::string& text) {
  JobFilter filter;
  Scanner scanner(text);
  absl::StatusOr<Token> token = scanner.Next();
  if (!token.ok()) return token.status();
  if (token->kind == Token::kEnd) return filter;
  while (true) {
    if (token->kind != Token::kWord) return BadFilter("expected a field");
    Term term;
    term.field = token->text;
    const bool known = term.field == "state" || term.field == "display_name" ||
                       term.field == "name" || term.field == "owner" || term.field == "group" ||
                       (absl::StartsWith(term.field, "labels.") && term.field.size() > 7);
    if (!known) {
      return BadFilter(absl::StrCat(
          "\"", term.field, "\" can't be filtered by",
          rules::DidYouMean(term.field, {"state", "display_name", "name", "owner", "group"})));
    }
    token = scanner.Next();
    if (!token.ok()) return token.status();
    if (token->kind != Token::kEqual && token->kind != Token::kNotEqual) {
      return BadFilter(absl::StrCat("expected = after ", term.field));
    }
    term.negated = token->kind == Token::kNotEqual;
    token = scanner.Next();
    if (!token.ok()) return token.status();
    if (token->kind != Token::kWord && token->kind != Token::kString) {
      return BadFilter(absl::StrCat("expected a value for ", term.field));
    }
    term.value = token->text;
    v1::JobState state;
    if (term.field == "state" && !v1::JobState_Parse(term.value, &state)) {
      return BadFilter(absl::StrCat("\"", term.value, "\" is no state",
                                    rules::DidYouMean(term.value, States())));
    }
    filter.terms_.push_back(std::move(term));
    token = scanner.Next();
    if (!token.ok()) return token.status();
    if (token->kind == Token::kEnd) return filter;
    if (token->kind != Token::kWord || token->text != "AND") return BadFilter("expected AND");
    token = scanner.Next();
    if (!token.ok()) return token.status();
  }
}

bool JobFilter::Matches(const v1::Job& job) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    std::string value;
    if (term.field == "state") {
      value = v1::JobState_Name(job.state());
    } else if (term.field == "display_name") {
      value = job.display_name();
    } else if (term.field == "name") {
      value = job.name();
    } else if (term.field == "owner") {
      value = job.owner();
    } else if (term.field == "group") {
      value = job.group();
    } else {
      const auto label = job.labels().find(term.field.substr(sizeof("labels.") - 1));
      if (label == job.labels().end()) return term.negated;
      value = label->second;
    }
    return (value == term.value) != term.negated;
  });
}

std::string EncodePageToken(const PageKey& key) {
  return absl::StrCat(absl::Hex(key.first), "-", key.second);
}

absl::StatusOr<PageKey> DecodePageToken(const std::string& token) {
  const size_t dash = token.find('-');
  PageKey key;
  if (dash == std::string::npos || !absl::SimpleHexAtoi(token.substr(0, dash), &key.first)) {
    return InvalidField("page_token", "is not one that ListJobs returned",
                        reason::kInvalidPageToken);
  }
  key.second = token.substr(dash + 1);
  return key;
}

}  // namespace descent::daemon
