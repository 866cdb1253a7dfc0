#include "server/daemon/launch/memory_limit.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace descent::daemon {
namespace {

constexpr double kLeast = 256.0 * (1 << 20);

// Takes the unit off the text's end, and gives how many bytes it is.
double TakeUnit(absl::string_view* text) {
  absl::ConsumeSuffix(text, "B");
  absl::ConsumeSuffix(text, "I");
  double bytes = 1;
  for (const char* unit : {"K", "M", "G", "T"}) {
    bytes *= 1024;
    if (absl::ConsumeSuffix(text, unit)) return bytes;
  }
  return 1;
}

}  // namespace

absl::StatusOr<int64_t> ParseMemoryLimit(const std::string& text, int64_t memory) {
  if (text == "none") return 0;
  const std::string upper = absl::AsciiStrToUpper(text);
  absl::string_view rest = upper;
  const bool is_share = absl::ConsumeSuffix(&rest, "%");
  const double unit = is_share ? static_cast<double>(memory) / 100 : TakeUnit(&rest);
  double number = 0;
  if (rest.empty() || !absl::SimpleAtod(rest, &number) || !std::isfinite(number) || number < 0 ||
      (is_share && number > 100)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no amount of memory; it is like 6G, 90% or none"));
  }
  const double bytes = number * unit;
  if (bytes < kLeast) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, " is less than a worker needs to start: at least 256M"));
  }
  if (bytes >= static_cast<double>(std::numeric_limits<int64_t>::max())) return 0;
  return static_cast<int64_t>(bytes);
}

}  // namespace descent::daemon
