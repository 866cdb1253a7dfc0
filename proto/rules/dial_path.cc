#include "proto/rules/dial_path.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "proto/rules/nearest.h"

namespace descent::rules {
namespace {

// A longer path is no path of anything, and would be looked for in each.
constexpr size_t kLongestPath = 1000;

std::string WithoutAlias(std::string_view path) {
  path = path.substr(0, kLongestPath);
  const size_t name = path.rfind('.') + 1;  // npos + 1 = 0
  std::string out(path);
  if (IsStepSizeAlias(path.substr(name))) out.replace(name, std::string::npos, kStepSize);
  return out;
}

bool EndsAtField(std::string_view path, std::string_view end) {
  return path.size() > end.size() && path.ends_with(end) &&
         path[path.size() - end.size() - 1] == '.';
}

// True if the fields are among those of the path, in their order, the last one last.
bool LeavesFieldsOut(const std::vector<std::string>& some, const std::string& path) {
  const std::vector<std::string> all = absl::StrSplit(path, '.');
  if (some.size() < 2 || some.back() != all.back()) return false;
  size_t found = 0;
  for (const std::string& field : all) {
    if (found < some.size() && field == some[found]) ++found;
  }
  return found == some.size();
}

}  // namespace

bool IsStepSizeAlias(std::string_view name) { return name == "lr" || name == "learning_rate"; }

std::vector<size_t> MatchEnds(std::string_view given, const std::vector<std::string>& paths) {
  const std::string wanted = WithoutAlias(given);
  std::vector<size_t> matches;
  if (wanted.empty()) return matches;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (paths[i] == wanted) return {i};
    if (EndsAtField(paths[i], wanted)) matches.push_back(i);
  }
  return matches;
}

std::vector<size_t> MatchDials(std::string_view given, const std::vector<std::string>& paths) {
  std::vector<size_t> matches = MatchEnds(given, paths);
  if (!matches.empty()) return matches;
  const std::vector<std::string> fields = absl::StrSplit(WithoutAlias(given), '.');
  for (size_t i = 0; i < paths.size(); ++i) {
    if (LeavesFieldsOut(fields, paths[i])) matches.push_back(i);
  }
  return matches;
}

std::string LastFields(std::string_view path, size_t fields) {
  size_t start = path.size();
  for (; fields > 0 && start > 0; --fields) {
    const size_t dot = path.rfind('.', start - 1);
    if (dot == std::string_view::npos) return std::string(path);
    start = dot;
  }
  return start == path.size() ? "" : std::string(path.substr(start + 1));
}

std::optional<size_t> NearestDial(std::string_view given, const std::vector<std::string>& paths) {
  const std::string wanted = WithoutAlias(given);
  const auto fields = static_cast<size_t>(std::count(wanted.begin(), wanted.end(), '.')) + 1;
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(LastFields(path, fields));
  names.insert(names.end(), paths.begin(), paths.end());
  const std::optional<size_t> nearest = NearestOf(wanted, names);
  if (!nearest) return std::nullopt;
  return *nearest % paths.size();
}

}  // namespace descent::rules
