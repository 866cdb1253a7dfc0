#include "core/text/exception_text.h"

#include <c10/util/Exception.h>

#include <cstdlib>
#include <new>
#include <string_view>

#include "core/text/size_text.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

constexpr size_t kMaxBytes = 1000;

std::string NotEnough(double bytes) {
  return "there is not enough memory: " + SizeText(bytes) + " were asked for at once";
}

}  // namespace

std::string ExceptionText(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return "there is not enough memory";
  const auto* of_libtorch = dynamic_cast<const c10::Error*>(&error);
  std::string whole = of_libtorch != nullptr ? of_libtorch->what_without_backtrace() : error.what();
  std::string_view text = whole;
  // c10's allocators for the CPU say the one, and its check of sizes in advance the other.
  for (const std::string_view asked : {"you tried to allocate ", "Tried to allocate "}) {
    const size_t at = text.find(asked);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = text.substr(at + asked.size());
    const double bytes = std::strtod(std::string(rest.substr(0, 40)).c_str(), nullptr);
    if (rest.find("bytes") < 25) return NotEnough(bytes);
  }
  // Older wrappers put the frames into the message itself.
  text = text.substr(0, text.find("Exception raised from "));
  text = text.substr(0, text.find("\nframe #"));
  // A failed check begins with `[enforce fail at FILE:LINE] CONDITION. `.
  if (text.starts_with("[enforce fail at ")) {
    const size_t end = text.find("] ");
    if (end != std::string_view::npos) text.remove_prefix(end + 2);
  }
  std::string line;
  for (const char c : text) {
    const bool space = c == '\n' || c == ' ' || c == '\t' || c == '\r';
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.')) line.pop_back();
  return ShortUtf8(line, kMaxBytes);
}

}  // namespace descent
