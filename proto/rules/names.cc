#include "proto/rules/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace descent::rules {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsLowerOrDigit(char c) { return IsLower(c) || (c >= '0' && c <= '9'); }

}  // namespace

bool IsJobId(std::string_view id) {
  return !id.empty() && id.size() <= 63 && IsLower(id.front()) && IsLowerOrDigit(id.back()) &&
         std::all_of(id.begin(), id.end(), [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

std::string WhyNoJobId(std::string_view id) {
  std::string near;
  for (const char c : id.substr(0, 63)) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    if (!near.empty() || IsLower(lower)) near.push_back(IsLowerOrDigit(lower) ? lower : '-');
  }
  while (!near.empty() && near.back() == '-') near.pop_back();
  return absl::StrCat(
      "must be 1 to 63 lower-case letters, digits and hyphens, beginning with a letter and not "
      "ending in a hyphen",
      near.empty() ? "" : absl::StrCat(": ", near, ", say"));
}

std::string JobName(std::string_view job_id) {
  std::string name(kJobCollection);
  name += job_id;
  return name;
}

std::optional<std::string> JobIdOf(std::string_view name) {
  if (!name.starts_with(kJobCollection)) return std::nullopt;
  name.remove_prefix(kJobCollection.size());
  if (!IsJobId(name)) return std::nullopt;
  return std::string(name);
}

std::string CheckpointName(int64_t branch, int64_t iteration) {
  return absl::StrCat(branch, "-", iteration);
}

std::string CheckpointPath(std::string_view folder, std::string_view name) {
  std::string path(folder);
  path += '/';
  path += name;
  path += ".safetensors";
  return path;
}

bool IsDatasetId(std::string_view id) {
  return !id.empty() && id.size() <= 63 && IsLower(id.front()) && IsLowerOrDigit(id.back()) &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '_' || c == '.'; });
}

std::string DatasetName(std::string_view id) {
  std::string name(kDatasetCollection);
  name += id;
  return name;
}

std::optional<std::string> DatasetIdOf(std::string_view name) {
  if (!name.starts_with(kDatasetCollection)) return std::nullopt;
  name.remove_prefix(kDatasetCollection.size());
  if (!IsDatasetId(name)) return std::nullopt;
  return std::string(name);
}

bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace descent::rules
