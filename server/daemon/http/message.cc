#include "server/daemon/http/message.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Gives false at a broken escape or a NUL.
bool Decode(std::string_view text, bool plus_is_space, std::string* out) {
  out->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;
    out->push_back(c);
  }
  return true;
}

absl::Status Broken() {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "the request's target is not a valid path and query", reason::kInvalidTarget);
}

}  // namespace

absl::StatusOr<HttpTarget> ParseTarget(std::string_view target) {
  HttpTarget parsed;
  const size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  if (path.empty() || path[0] != '/' || !Decode(path, false, &parsed.path)) return Broken();
  if (mark == std::string_view::npos) return parsed;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto& [name, value] = parsed.query.emplace_back();
    if (!Decode(pair.substr(0, equals), true, &name)) return Broken();
    if (equals != std::string_view::npos && !Decode(pair.substr(equals + 1), true, &value)) {
      return Broken();
    }
  }
  return parsed;
}

absl::Status CheckParameters(const HttpTarget& target,
                             std::initializer_list<std::string_view> lists) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : target.query) {
    if (std::find(lists.begin(), lists.end(), name) != lists.end()) continue;
    if (!seen.insert(name).second) {
      return InvalidField(ShortUtf8(name, 64), "is given twice; give it once");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ParseInteger(std::string_view field, std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  return InvalidField(field, absl::StrCat("\"", ShortUtf8(text, 64),
                                          error == std::errc::result_out_of_range
                                              ? "\" is out of range"
                                              : "\" is not a number in decimal digits"));
}

}  // namespace descent::daemon
