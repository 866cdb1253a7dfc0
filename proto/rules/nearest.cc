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

}  // namespace

std::optional<size_t> NearestOf(std::string_view given,
                                const std::vector<std::string>& candidates) {
  const std::string word = Lower(given);
  std::optional<size_t> best;
  size_t best_distance = word.size() <= 3   ? 2
                         : word.size() <= 6 ? 3
                                            : 4;  // the first distance that is too far
  for (size_t i = 0; i < candidates.size(); ++i) {
    const std::string other = Lower(candidates[i]);
    if (other == kStepSize && IsStepSizeAlias(word)) return i;
    const size_t distance = Distance(word, other);
    // A distance of the whole word says nothing.
    if (distance < best_distance && distance < std::max(word.size(), other.size())) {
      best = i;
      best_distance = distance;
    }
  }
  return best;
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
