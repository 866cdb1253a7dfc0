#include "proto/rules/nearest.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/dial_path.h"

namespace descent::rules {
namespace {

// What is longer is no slip of the hand, and the distance costs the product of both lengths.
constexpr size_t kLongestWord = 128;

std::string Lower(std::string_view text) {
  std::string out(text.substr(0, kLongestWord));
  absl::AsciiStrToLower(&out);
  return out;
}

size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

// Gives `wd` for `weight_decay`.
std::string Initials(std::string_view name) {
  std::string initials;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '_' && (i == 0 || name[i - 1] == '_')) initials += name[i];
  }
  return initials;
}

bool IsShortFor(std::string_view word, std::string_view name) {
  if (word.size() >= 3 && name.starts_with(word)) return true;
  return word.size() >= 2 && Initials(name) == word;
}

// Gives the place of the only name that the word is short for. One name may stand there twice.
std::optional<size_t> OnlyLongForm(const std::string& word, const std::vector<std::string>& names) {
  std::optional<size_t> only;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!IsShortFor(word, names[i]) || (only && names[i] == names[*only])) continue;
    if (only) return std::nullopt;
    only = i;
  }
  return only;
}

// Gives the place of the longest name that the word begins with, before a `_`.
std::optional<size_t> LongestBeginning(const std::string& word,
                                       const std::vector<std::string>& names) {
  std::optional<size_t> longest;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    const bool begins = !name.empty() && word.size() > name.size() && word.starts_with(name) &&
                        word[name.size()] == '_';
    if (begins && (!longest || name.size() > names[*longest].size())) longest = i;
  }
  return longest;
}

}  // namespace

std::optional<size_t> NearestOf(std::string_view given,
                                const std::vector<std::string>& candidates) {
  const std::string word = Lower(given);
  std::vector<std::string> names;
  for (const std::string& candidate : candidates) names.push_back(Lower(candidate));
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == kStepSize && IsStepSizeAlias(word)) return i;
    if (names[i] == word) return i;
  }
  if (const std::optional<size_t> whole = OnlyLongForm(word, names)) return whole;
  std::optional<size_t> best;
  size_t best_distance = word.size() <= 3   ? 2
                         : word.size() <= 6 ? 3
                                            : 4;  // the first distance that is too far
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t distance = Distance(word, names[i]);
    // A distance of the whole word says nothing.
    if (distance < best_distance && distance < std::max(word.size(), names[i].size())) {
      best = i;
      best_distance = distance;
    }
  }
  return best ? best : LongestBeginning(word, names);
}

std::string Nearest(std::string_view given, const std::vector<std::string>& candidates) {
  const std::optional<size_t> nearest = NearestOf(given, candidates);
  return nearest ? candidates[*nearest] : "";
}

std::string DidYouMean(std::string_view given, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(given, candidates);
  return nearest.empty() ? "" : absl::StrCat(" (did you mean `", nearest, "`?)");
}

}  // namespace descent::rules
