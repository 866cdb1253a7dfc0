#include "proto/dataset_manifest.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

constexpr size_t kMaxParts = 16;
constexpr size_t kMaxPart = 255;
constexpr size_t kMaxPath = 1024;

absl::Status WrongLine(size_t number, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", number, " of the manifest ", why));
}

// Reads a line without its end.
absl::StatusOr<DatasetFile> ParseLine(std::string_view line, size_t number) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return WrongLine(number, "is not SHA256 BYTES PATH");
  DatasetFile file{.path = std::string(line.substr(second + 1)),
                   .sha256 = std::string(line.substr(0, first))};
  if (!IsSha256Hex(file.sha256)) {
    return WrongLine(number, "begins with no SHA-256 of 64 lower-case hexadecimal digits");
  }
  const std::string bytes(line.substr(first + 1, second - first - 1));
  // Only one spelling of a number is taken, so that a set of files has one digest.
  if (!absl::SimpleAtoi(bytes, &file.bytes) || absl::StrCat(file.bytes) != bytes ||
      file.bytes < 0 || file.bytes > kMaxDatasetBytes) {
    return WrongLine(number, "has no number of bytes where one must be");
  }
  if (const std::string why = WhyNoDatasetPath(file.path); !why.empty()) {
    return WrongLine(number, absl::StrCat("has a path that ", why, ": ", ShortUtf8(file.path, 80)));
  }
  return file;
}

// Finds a file in whose place others have a folder.
absl::Status CheckFolders(const std::vector<DatasetFile>& files) {
  std::unordered_set<std::string_view> paths;
  for (const DatasetFile& file : files) paths.insert(file.path);
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string_view path = files[i].path;
    for (size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      if (!paths.contains(path.substr(0, slash))) continue;
      return WrongLine(i + 1, absl::StrCat("has a file in ", std::string(path.substr(0, slash)),
                                           ", which is a file itself"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string WhyNoDatasetPath(std::string_view path) {
  if (path.empty()) return "is empty";
  if (path.size() > kMaxPath) return absl::StrCat("has more than ", kMaxPath, " bytes");
  if (!IsUtf8(path)) return "is not UTF-8";
  for (const char c : path) {
    if (c == '\0') return "has a NUL";
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return "has a control character";
    if (c == '\\') return "has a backslash";
  }
  if (path.front() == '/') return "is absolute";
  size_t parts = 0;
  for (size_t begin = 0; begin <= path.size(); ++parts) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty()) return "has an empty part";
    if (part == "." || part == "..") return absl::StrCat("has a part \"", std::string(part), "\"");
    if (part.size() > kMaxPart) return absl::StrCat("has a part of more than ", kMaxPart, " bytes");
    begin = end + 1;
  }
  if (parts > kMaxParts) return absl::StrCat("is more than ", kMaxParts, " folders deep");
  return "";
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string ManifestText(std::vector<DatasetFile> files) {
  std::ranges::sort(files, {}, &DatasetFile::path);
  std::string text;
  for (const DatasetFile& file : files) {
    absl::StrAppend(&text, file.sha256, " ", file.bytes, " ", file.path, "\n");
  }
  return text;
}

absl::StatusOr<std::vector<DatasetFile>> ParseManifest(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the manifest names no file");
  std::vector<DatasetFile> files;
  int64_t bytes = 0;
  while (!text.empty()) {
    const size_t number = files.size() + 1;
    if (number > kMaxDatasetFiles) {
      return WrongLine(number, absl::StrCat("is one too many: a dataset has at most ",
                                            kMaxDatasetFiles, " files"));
    }
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return WrongLine(number, "has no end");
    absl::StatusOr<DatasetFile> file = ParseLine(text.substr(0, end), number);
    if (!file.ok()) return file.status();
    if (!files.empty() && files.back().path >= file->path) {
      return WrongLine(number, "is not in the order of the paths' bytes, or is there twice");
    }
    bytes += file->bytes;
    if (bytes > kMaxDatasetBytes) return WrongLine(number, "makes the dataset too large");
    files.push_back(*std::move(file));
    text.remove_prefix(end + 1);
  }
  if (absl::Status status = CheckFolders(files); !status.ok()) return status;
  return files;
}

}  // namespace descent
