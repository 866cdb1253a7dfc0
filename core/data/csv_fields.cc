#include "core/data/csv_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

// A sign that ends in another one comes before it.
constexpr std::string_view kCurrencies[] = {
    "US$", "AU$", "CA$", "HK$", "NZ$", "NT$", "R$",  "A$",  "C$",  "S$",  "$",   "€",   "£",
    "¥",   "￥",  "₹",   "₩",   "₽",   "₺",   "₪",   "₫",   "฿",   "₴",   "₱",   "₦",   "kr.",
    "kr",  "zł",  "Kč",  "Ft",  "Fr.", "USD", "EUR", "GBP", "JPY", "CHF", "CNY", "RMB", "INR",
    "BRL", "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "RUB", "UAH",
    "AUD", "CAD", "NZD", "MXN", "ZAR", "KRW", "SGD", "HKD", "TWD", "THB", "IDR", "MYR", "PHP",
    "VND", "ILS", "AED", "SAR", "EGP", "NGN", "KES", "ARS", "CLP", "COP", "PEN", "PKR"};
constexpr std::string_view kNoBreakSpace = "\u00A0";  // before or after a sign

std::string_view TrimAll(std::string_view field) {
  field = Trim(field);
  if (field.substr(0, kNoBreakSpace.size()) == kNoBreakSpace) {
    field.remove_prefix(kNoBreakSpace.size());
  }
  if (field.size() >= kNoBreakSpace.size() &&
      field.substr(field.size() - kNoBreakSpace.size()) == kNoBreakSpace) {
    field.remove_suffix(kNoBreakSpace.size());
  }
  return Trim(field);
}

// Removes a currency's sign or code, and gives it; empty if there is none.
std::string_view RemoveCurrency(std::string_view* field) {
  for (const std::string_view sign : kCurrencies) {
    if (field->substr(0, sign.size()) == sign) {
      field->remove_prefix(sign.size());
      return sign;
    }
    if (field->size() >= sign.size() && field->substr(field->size() - sign.size()) == sign) {
      field->remove_suffix(sign.size());
      return sign;
    }
  }
  return {};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Every group but the first has two or three digits (Indian numbers have two), the last one three.
std::optional<std::string> WithoutThousands(std::string_view whole, std::string_view separator) {
  std::string digits;
  int group = 0;
  int groups = 0;
  while (!whole.empty()) {
    if (IsDigit(whole[0])) {
      digits += whole[0];
      whole.remove_prefix(1);
      ++group;
      continue;
    }
    if (separator.empty() || !whole.starts_with(separator) || group == 0 || group > 3 ||
        (groups > 0 && group < 2)) {
      return std::nullopt;
    }
    whole.remove_prefix(separator.size());
    ++groups;
    group = 0;
  }
  if (groups > 0 && group != 3) return std::nullopt;
  return digits;
}

std::optional<double> Plain(std::string_view field) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (end != field.data() + field.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // The number is too large, or too small: this tells which.
    if (!absl::SimpleAtod(absl::string_view(field.data(), field.size()), &value)) {
      return std::nullopt;
    }
    value += 0.0;  // not −0
  } else if (error != std::errc()) {
    return std::nullopt;
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

// Gives full-width forms (U+FF01 to U+FF5E), which East Asian keyboards write, as what they are in
// ASCII.
std::string HalfWidth(std::string_view field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    const auto byte = [&](size_t k) { return static_cast<unsigned char>(field[i + k]); };
    const bool three = byte(0) == 0xEF && i + 2 < field.size();
    if (three && byte(1) == 0xBC && byte(2) >= 0x81) {
      text += static_cast<char>(byte(2) - 0x60);
      i += 2;
    } else if (three && byte(1) == 0xBD && byte(2) <= 0x9E) {
      text += static_cast<char>(byte(2) - 0x20);
      i += 2;
    } else {
      text += field[i];
    }
  }
  return text;
}

std::optional<double> Boolean(std::string_view field) {
  if (field == "True" || field == "true" || field == "TRUE") return 1;
  if (field == "False" || field == "false" || field == "FALSE") return 0;
  return std::nullopt;
}

std::optional<double> Decorated(std::string_view field, const NumberFormat& format,
                                std::string_view* currency) {
  std::string text;
  if (field.size() > 2 && field.front() == '(' && field.back() == ')') {
    text = "-";
    field = TrimAll(field.substr(1, field.size() - 2));
  }
  // The sign of the number may stand before or after that of the currency.
  std::string_view removed;
  for (int i = 0; i < 2; ++i) {
    for (const std::string_view sign : {"-", "+", "\u2212"}) {
      if (!text.empty() || !field.starts_with(sign)) continue;
      text = sign == "+" ? "+" : "-";
      field = TrimAll(field.substr(sign.size()));
    }
    if (removed.empty()) removed = RemoveCurrency(&field);
    field = TrimAll(field);
  }
  if (field.empty() || !(IsDigit(field[0]) || field[0] == format.decimal)) return std::nullopt;
  if (currency != nullptr) *currency = removed;
  if (text == "+") text.clear();
  const size_t fraction =
      std::min(field.find_first_of(std::string{format.decimal, 'e', 'E'}), field.size());
  const std::optional<std::string> whole =
      WithoutThousands(field.substr(0, fraction), format.thousands);
  if (!whole) return std::nullopt;
  text += *whole;
  std::string rest(field.substr(fraction));
  if (!rest.empty() && rest[0] == format.decimal) rest[0] = '.';
  return Plain(text + rest);
}

// These are absl's directives. Its %Y takes as many digits as there are; %E4Y takes four, as
// strptime does.
constexpr const char* kDateFormats[] = {
    "%E4Y-%m-%d",
    "%E4Y-%m-%d %H:%M:%E*S",
    "%E4Y-%m-%dT%H:%M:%E*S",
    "%E4Y-%m-%d %H:%M",
    "%E4Y-%m-%dT%H:%M",
    "%E4Y-%m-%dT%H:%M:%E*S%Ez",
    "%E4Y-%m-%dT%H:%M%Ez",
    "%E4Y-%m-%d %H:%M:%E*S%Ez",
    "%E4Y-%m",
    "%E4Y/%m/%d",
    "%E4Y/%m/%d %H:%M:%E*S",
    "%E4Y/%m/%d %H:%M",
    "%d.%m.%E4Y",
    "%d.%m.%E4Y %H:%M:%E*S",
    "%d.%m.%E4Y %H:%M",
    "%E4Y%m%d",
};

// strptime's directives that say when a day is, or a time in it, and what absl calls them. Those of
// weeks and of days of the year are not among them: absl::ParseTime would pass over what they say.
struct Directive {
  char name;
  const char* absl;
};
constexpr Directive kDirectives[] = {
    {'Y', "%E4Y"},       {'y', "%y"},       {'m', "%m"}, {'d', "%d"},       {'e', "%e"},
    {'H', "%H"},         {'I', "%I"},       {'M', "%M"}, {'S', "%S"},       {'f', "%E*f"},
    {'p', "%p"},         {'b', "%b"},       {'B', "%B"}, {'h', "%h"},       {'a', "%a"},
    {'A', "%A"},         {'z', "%Ez"},      {'s', "%s"}, {'T', "%H:%M:%S"}, {'R', "%H:%M"},
    {'F', "%E4Y-%m-%d"}, {'D', "%m/%d/%y"}, {'n', "%n"}, {'t', "%t"},       {'%', "%%"},
};

std::optional<double> Seconds(const char* format, std::string_view field) {
  absl::Time time;
  const bool read = absl::ParseTime(format, absl::string_view(field.data(), field.size()),
                                    absl::UTCTimeZone(), &time, nullptr);
  if (!read || time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

}  // namespace

std::string Shown(std::string_view field) {
  return ShortUtf8(field, 40 + std::string_view("…").size());
}

std::string_view Trim(std::string_view field) {
  const size_t begin = field.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return field.substr(begin, field.find_last_not_of(" \t") - begin + 1);
}

std::optional<double> ParseNumber(std::string_view field, const NumberFormat& format,
                                  std::string_view* currency) {
  if (format.decimal == '.') {
    std::string_view plain = field;
    if (plain.size() > 1 && plain[0] == '+' && plain[1] != '-') plain.remove_prefix(1);
    if (const std::optional<double> value = Plain(plain)) return value;
  }
  if (const std::optional<double> value = Boolean(field)) return value;
  if (const std::optional<double> value = Decorated(field, format, currency)) return value;
  if (field.find('\xEF') == std::string_view::npos) return std::nullopt;
  return Decorated(HalfWidth(field), format, currency);
}

namespace {

absl::StatusOr<std::string> DateFormat(std::string_view format) {
  std::string translated;
  bool any = false;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      translated += format[i];
      continue;
    }
    const char name = ++i < format.size() ? format[i] : '\0';
    const auto* const known = std::find_if(std::begin(kDirectives), std::end(kDirectives),
                                           [&](const Directive& d) { return d.name == name; });
    if (known == std::end(kDirectives)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", Shown(format), "\" has ", Shown(format.substr(i - 1, 2)),
                       ", which says nothing about a date here; there are %Y %m %d %H %M %S %f %y "
                       "%b %B %e %I %p %z %F %T"));
    }
    any = any || name != '%';
    translated += known->absl;
  }
  if (any) return translated;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Shown(format),
                   "\" says nothing about a date; write it as strptime's, "
                   "%m/%d/%Y"));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DateFormats(const std::vector<std::string>& formats) {
  std::vector<std::string> translated;
  for (const std::string& format : formats) {
    absl::StatusOr<std::string> one = DateFormat(format);
    if (!one.ok()) return one.status();
    translated.push_back(*std::move(one));
  }
  return translated;
}

std::optional<double> ParseDate(std::string_view field, const std::vector<std::string>& formats) {
  for (const std::string& format : formats) {
    if (const std::optional<double> seconds = Seconds(format.c_str(), field)) return seconds;
  }
  if (!formats.empty()) return std::nullopt;
  for (const char* known : kDateFormats) {
    const std::optional<double> seconds = Seconds(known, field);
    // A year of two digits would be one of antiquity.
    if (seconds && DateParts(*seconds)[0] >= 1000) return seconds;
  }
  return std::nullopt;
}

std::array<double, 5> DateParts(double seconds) {
  const absl::CivilSecond time =
      absl::ToCivilSecond(absl::UnixEpoch() + absl::Seconds(seconds), absl::UTCTimeZone());
  const absl::CivilDay day(time);
  const double midnight = static_cast<double>(day - absl::CivilDay(1970)) * 86400;
  return {static_cast<double>(time.year()), static_cast<double>(time.month()),
          static_cast<double>(time.day()),
          static_cast<double>(static_cast<int>(absl::GetWeekday(day))),
          (seconds - midnight) / 3600};
}

}  // namespace descent
