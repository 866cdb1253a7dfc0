#include "proto/rules/names.h"

#include <algorithm>

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

bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace descent::rules
