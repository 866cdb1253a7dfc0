#include "client/cpp/nearest.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace descent::client {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Optimal string alignment distance.
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

bool IsStepSizeAlias(std::string_view name) { return name == "lr" || name == "learning_rate"; }

std::string Nearest(std::string_view given, const std::vector<std::string>& candidates) {
  const std::string word = Lower(given.substr(0, 128));
  std::string best;
  size_t best_distance = word.size() <= 3 ? 2 : word.size() <= 6 ? 3 : 4;  // first too far
  for (const std::string& candidate : candidates) {
    const std::string other = Lower(candidate);
    if (IsStepSizeAlias(word) && other == "step_size") return candidate;
    const size_t distance = Distance(word, other);
    // A distance of the whole word says nothing.
    if (distance < best_distance && distance < std::max(word.size(), other.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view given, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(given, candidates);
  return nearest.empty() ? "" : absl::StrCat(" (did you mean `", nearest, "`?)");
}

}  // namespace descent::client
