#include "client/cli/series_names.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

// Gives the end of a path with one field more than `end`, which is the whole path at last.
std::string_view Longer(std::string_view path, std::string_view end) {
  if (end.size() == path.size()) return path;
  const size_t before = path.size() - end.size();
  const size_t dot = before < 2 ? path.npos : path.rfind('.', before - 2);
  return dot == path.npos ? path : path.substr(dot + 1);
}

}  // namespace

SeriesNames::SeriesNames(const google::protobuf::RepeatedPtrField<std::string>& paths) {
  std::map<std::string_view, int> having;  // how many paths have this end
  for (const std::string& path : paths) {
    std::string_view end;
    do {
      end = Longer(path, end);
      ++having[end];
    } while (end.size() < path.size());
  }
  for (const std::string& path : paths) {
    std::string_view end = Longer(path, "");
    while (having[end] > 1 && end.size() < path.size()) end = Longer(path, end);
    names_.push_back(Visible(end));
  }
}

std::vector<std::string> SeriesNames::Fields(const v1::Iteration& iteration) const {
  std::vector<std::string> fields;
  const size_t count = std::min(names_.size(), static_cast<size_t>(iteration.scalars_size()));
  for (size_t i = 0; i < count; ++i) {
    fields.push_back(
        absl::StrCat(names_[i], " ", Number(iteration.scalars(static_cast<int>(i)), 4)));
  }
  return fields;
}

}  // namespace descent::cli
