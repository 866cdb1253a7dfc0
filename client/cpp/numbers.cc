#include "client/cpp/numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace descent::client {
namespace {

// Removes a sign; true if it was a minus.
bool TakeSign(std::string_view* text) {
  if (text->empty() || (text->front() != '-' && text->front() != '+')) return false;
  const bool negative = text->front() == '-';
  text->remove_prefix(1);
  return negative;
}

// True for `010`: nothing but digits, a zero first.
bool HasLeadingZero(std::string_view text) {
  return text.size() > 1 && text.front() == '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Reads a decimal with a point or an exponent, `1e4` or `2.50e2`, of which it is known that a
// double can hold about as much. It is read digit by digit: a double would round what has more than
// 53 bits.
NumberError ParseWholeDecimal(std::string_view text, uint64_t* value) {
  const size_t exponent = std::min(text.find_first_of("eE"), text.size());
  const size_t point = std::min(text.find('.'), exponent);
  std::string digits(text.substr(0, point));
  if (point < exponent) digits += text.substr(point + 1, exponent - point - 1);
  int64_t zeros = static_cast<int64_t>(point) - static_cast<int64_t>(digits.size());
  if (exponent < text.size()) {
    std::string_view power = text.substr(exponent + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    int64_t shift = 0;
    // Only that of a zero may be too long.
    std::from_chars(power.data(), power.data() + power.size(), shift);
    zeros += shift;
  }
  const size_t last = digits.find_last_not_of('0');
  if (last == std::string::npos) {
    *value = 0;
    return NumberError::kNone;
  }
  zeros += static_cast<int64_t>(digits.size() - last - 1);
  digits.resize(last + 1);
  if (zeros < 0) return NumberError::kNotANumber;
  constexpr int64_t kMostDigits = 20;  // of 64 bits
  if (zeros > kMostDigits) return NumberError::kOutOfRange;
  digits.append(static_cast<size_t>(zeros), '0');
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  return error == std::errc() ? NumberError::kNone : NumberError::kOutOfRange;
}

// Reads digits in the base that the prefix says, or a whole decimal such as `1e4`.
NumberError ParseMagnitude(std::string_view text, uint64_t* value) {
  if (HasLeadingZero(text)) return NumberError::kLeadingZero;
  int base = 10;
  std::string_view digits = text;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) digits.remove_prefix(2);
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, *value, base);
  if (stop == end && error == std::errc()) return NumberError::kNone;
  if (stop == end && error == std::errc::result_out_of_range) return NumberError::kOutOfRange;
  double real = 0;
  if (text.empty() || text.front() == '-' || text.front() == '+') return NumberError::kNotANumber;
  if (const NumberError e = ParseDouble(text, &real); e != NumberError::kNone) return e;
  return std::isfinite(real) ? ParseWholeDecimal(text, value) : NumberError::kNotANumber;
}

}  // namespace

NumberError ParseDouble(std::string_view text, double* value) {
  const bool negative = TakeSign(&text);
  const std::string lower = absl::AsciiStrToLower(absl::string_view(text.data(), text.size()));
  double magnitude = 0;
  if (lower == ".inf" || lower == "inf" || lower == "infinity") {
    magnitude = std::numeric_limits<double>::infinity();
  } else if (lower == ".nan" || lower == "nan") {
    magnitude = std::numeric_limits<double>::quiet_NaN();
  } else {
    // from_chars would also take a second sign and forms of `nan(...)`.
    if (text.empty() || !(absl::ascii_isdigit(text[0]) || text[0] == '.')) {
      return NumberError::kNotANumber;
    }
    if (HasLeadingZero(text)) return NumberError::kLeadingZero;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, magnitude);
    if (stop != end || error == std::errc::invalid_argument) return NumberError::kNotANumber;
    if (error == std::errc::result_out_of_range) return NumberError::kOutOfRange;
  }
  *value = negative ? -magnitude : magnitude;
  return NumberError::kNone;
}

NumberError ParseInt(std::string_view text, int64_t min, int64_t max, int64_t* value) {
  const bool negative = TakeSign(&text);
  uint64_t magnitude = 0;
  if (const NumberError e = ParseMagnitude(text, &magnitude); e != NumberError::kNone) return e;
  // This is −min as an unsigned number, without overflow for the smallest.
  const uint64_t limit = negative ? ~static_cast<uint64_t>(min) + 1 : static_cast<uint64_t>(max);
  if ((negative && min >= 0 && magnitude > 0) || (magnitude > limit && magnitude > 0)) {
    return NumberError::kOutOfRange;
  }
  *value = static_cast<int64_t>(negative ? ~magnitude + 1 : magnitude);
  return NumberError::kNone;
}

NumberError ParseUint(std::string_view text, uint64_t max, uint64_t* value) {
  const bool negative = TakeSign(&text);
  uint64_t magnitude = 0;
  if (const NumberError e = ParseMagnitude(text, &magnitude); e != NumberError::kNone) return e;
  if (magnitude > max || (negative && magnitude > 0)) return NumberError::kOutOfRange;
  *value = magnitude;
  return NumberError::kNone;
}

std::string LeadingZero(std::string_view text, bool octal) {
  const std::string sign = !text.empty() && text.front() == '-' ? "-" : "";
  const size_t first = std::min(text.find_first_not_of("+-0"), text.size() - 1);
  const std::string digits(text.substr(first));
  std::string or_octal;
  if (octal && digits.find_first_of("89") == std::string::npos) {
    or_octal = absl::StrCat(" or, if eight is the base, `", sign, "0o", digits, "`");
  }
  return absl::StrCat(
      "a number that begins with 0 is read differently by different programs: write `", sign,
      digits, "`", or_octal);
}

std::string PrintDouble(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end);
}

}  // namespace descent::client
