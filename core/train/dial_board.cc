#include "core/train/dial_board.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

std::string WithoutAlias(std::string_view path) {
  const size_t dot = path.rfind('.');
  const size_t name = dot == std::string_view::npos ? 0 : dot + 1;
  if (path.substr(name) == "lr" || path.substr(name) == "learning_rate") {
    return std::string(path.substr(0, name)) + "step_size";
  }
  return std::string(path);
}

bool IsSuffixAtField(std::string_view path, std::string_view suffix) {
  return path.ends_with(suffix) &&
         (path.size() == suffix.size() || path[path.size() - suffix.size() - 1] == '.');
}

// Whether the given fields are among those of the path, in their order, the last one last:
// `generator.step_size` of `generator.optimizer.adam.step_size`.
bool LeavesFieldsOut(const std::string& path, const std::string& given) {
  const std::vector<std::string> all = absl::StrSplit(path, '.');
  const std::vector<std::string> some = absl::StrSplit(given, '.');
  if (some.size() < 2 || some.back() != all.back()) return false;
  size_t found = 0;
  for (const std::string& field : all) {
    if (found < some.size() && field == some[found]) ++found;
  }
  return found == some.size();
}

// Levenshtein's.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

// The path, or the suffix of it with as many fields as were given, whichever is nearer.
size_t DistanceToPath(std::string_view path, std::string_view given) {
  size_t best = Distance(path, given);
  for (size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1)) {
    best = std::min(best, Distance(path.substr(dot + 1), given));
  }
  return best;
}

}  // namespace

absl::StatusOr<size_t> FindDialPath(const std::vector<std::string>& paths, std::string_view path) {
  if (path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Give the path of a dial: ", absl::StrJoin(paths, ", "), "."));
  }
  const std::string wanted = WithoutAlias(path.substr(0, 1000));
  std::vector<size_t> found;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (paths[i] == wanted) return i;
    if (IsSuffixAtField(paths[i], wanted)) found.push_back(i);
  }
  if (found.empty()) {
    for (size_t i = 0; i < paths.size(); ++i) {
      if (LeavesFieldsOut(paths[i], wanted)) found.push_back(i);
    }
  }
  if (found.size() == 1) return found[0];
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (size_t i : found) names.push_back(paths[i]);
    return absl::InvalidArgumentError(
        absl::StrCat("`", std::string(path), "` fits several dials: ", absl::StrJoin(names, ", "),
                     ". Give more of the path."));
  }
  if (paths.empty()) return absl::NotFoundError("This job has no dials.");
  const auto nearest =
      std::min_element(paths.begin(), paths.end(), [&](const auto& a, const auto& b) {
        return DistanceToPath(a, wanted) < DistanceToPath(b, wanted);
      });
  return absl::NotFoundError(absl::StrCat("There is no dial `", ShortUtf8(path, 200),
                                          "`. Did you mean `", *nearest, "`? The dials are ",
                                          absl::StrJoin(paths, ", "), "."));
}

DialBoard::DialBoard(std::vector<std::string> paths, std::vector<Settable> dials)
    : paths_(std::move(paths)), dials_(std::move(dials)) {}

absl::StatusOr<DialBoard::Turn> DialBoard::Set(size_t dial, double value) {
  const double old_value = dials_[dial].value();
  if (absl::Status status = dials_[dial].set(value); !status.ok()) return status;
  return Turn{old_value, dials_[dial].value()};
}

absl::StatusOr<DialBoard::Turn> DialBoard::Scale(size_t dial, double factor) {
  const double old_value = dials_[dial].value();
  if (absl::Status status = dials_[dial].scale(factor); !status.ok()) return status;
  return Turn{old_value, dials_[dial].value()};
}

DialBoard::Turn DialBoard::Release(size_t dial) {
  const double old_value = dials_[dial].value();
  dials_[dial].release();
  return {old_value, dials_[dial].value()};
}

DialBoard::States DialBoard::Save() const {
  States states;
  for (const Settable& dial : dials_) states.push_back(dial.state());
  return states;
}

void DialBoard::Restore(const States& states) {
  // They were accepted before.
  for (size_t i = 0; i < states.size(); ++i) dials_[i].Restore(states[i]).IgnoreError();
}

}  // namespace descent
