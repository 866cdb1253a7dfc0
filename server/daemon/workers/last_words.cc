#include "server/daemon/workers/last_words.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <ios>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "core/text/utf8.h"

namespace descent::daemon {
namespace {

bool IsBlank(const std::string& line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return absl::ascii_isspace(c); });
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
  if (line == lines.rend() || absl::StrContains(*line, " INFO ")) return "";  // no complaint
  return ShortUtf8(line->substr(line->find_first_not_of(' ')), 300);
}

}  // namespace descent::daemon
