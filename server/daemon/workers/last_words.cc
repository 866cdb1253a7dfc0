#include "server/daemon/workers/last_words.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <ios>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/text/utf8.h"

namespace descent::daemon {
namespace {

bool IsBlank(const std::string& line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return absl::ascii_isspace(c); });
}

// Gives a line of the log as people read it: one of JSON as the text that it would have been.
std::string AsText(const std::string& line) {
  if (!absl::StartsWith(line, "{")) return line;
  google::protobuf::Struct fields;
  if (!google::protobuf::util::JsonStringToMessage(line, &fields).ok()) return line;
  const auto field = [&](const char* name) {
    const auto found = fields.fields().find(name);
    return found == fields.fields().end() ? std::string() : found->second.string_value();
  };
  if (field("severity").empty()) return line;
  const std::string source = field("source");
  return absl::StrCat(field("time"), " ", field("severity"), " ",
                      source.empty() ? field("job") : source, ": ", field("message"));
}

}  // namespace

std::string LastWords(const std::string& log_path) {
  std::ifstream file(log_path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (!file || size <= 0) return "";
  constexpr std::streamoff kTail = 64 << 10;
  std::string tail(static_cast<size_t>(std::min(size, kTail)), '\0');
  file.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end);
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  absl::StripAsciiWhitespace(&tail);
  // This is the last line that says something: a program that ends by an exception prints its stack
  // after it.
  const std::vector<std::string> lines = absl::StrSplit(tail, '\n');
  const auto line = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& text) {
    return !absl::StartsWith(text, "frame #") && !IsBlank(text) &&
           !absl::StrContains(text, "(most recent call first)");
  });
  if (line == lines.rend()) return "";
  const std::string words = AsText(line->substr(line->find_first_not_of(' ')));
  if (absl::StrContains(words, " INFO ")) return "";  // no complaint
  return ShortUtf8(words, 300);
}

}  // namespace descent::daemon
