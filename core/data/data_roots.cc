#include "core/data/data_roots.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent {

namespace {

// Gives the real path of a folder, without a slash at the end.
absl::StatusOr<std::string> RealFolder(const std::string& folder) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(folder.c_str(), nullptr), std::free);
  struct stat info;
  if (!real || stat(real.get(), &info) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Cannot open the data folder ", folder, ": ", strerror(errno), "."));
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(folder, " is no folder to read data from."));
  }
  const std::string root = real.get();
  return root == "/" ? "" : root;
}

// Gives the real path of what is kept out. It may also be a file, and one that is not there yet.
std::string RealKeptOut(const std::string& path) {
  const absl::StatusOr<std::string> folder = RealFolder(path);
  if (folder.ok()) return *folder;
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  return error ? path : real.string();
}

// True if a file that is kept out has another name at `real`: a hard link. One that has a single
// name costs no further look. Only whoever may do all with the file could have made the link, so
// that a name which changes hands between the question and this look gives nothing away.
bool IsLinkToOneOf(const std::vector<std::string>& kept_out, const std::string& real) {
  struct stat found;
  if (stat(real.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || found.st_nlink < 2) {
    return false;
  }
  return std::any_of(kept_out.begin(), kept_out.end(), [&](const std::string& kept) {
    struct stat info;
    return stat(kept.c_str(), &info) == 0 && info.st_dev == found.st_dev &&
           info.st_ino == found.st_ino;
  });
}

bool IsIn(const std::vector<std::string>& folders, const std::string& real) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return real.compare(0, folder.size(), folder) == 0 &&
           (real.size() == folder.size() || real[folder.size()] == '/');
  });
}

}  // namespace

absl::StatusOr<DataRoots> DataRoots::Create(const std::vector<std::string>& folders,
                                            const std::vector<std::string>& kept_out,
                                            const std::vector<std::string>& shared) {
  DataRoots roots;
  for (const std::string& path : kept_out) roots.kept_out_.push_back(RealKeptOut(path));
  for (const auto& [from, to] :
       {std::pair(&folders, &roots.roots_), std::pair(&shared, &roots.shared_)}) {
    for (const std::string& folder : *from) {
      absl::StatusOr<std::string> real = RealFolder(folder);
      if (!real.ok()) return real.status();
      to->push_back(*std::move(real));
    }
  }
  return roots;
}

absl::Status DataRoots::Check(const std::string& path, const std::string& real) const {
  if (IsIn(shared_, real)) return absl::OkStatus();
  if (IsIn(kept_out_, real)) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, " is in descentd's own folder, of which no job reads data."));
  }
  if (IsLinkToOneOf(kept_out_, real)) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, " is another name of a file that descentd keeps to itself: remove this one."));
  }
  if (roots_.empty() || IsIn(roots_, real)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(path, " is outside the folders that this server reads data from: ",
                   absl::StrJoin(roots_, ", ",
                                 [](std::string* out, const std::string& root) {
                                   out->append(root.empty() ? "/" : root);
                                 }),
                   "."));
}

}  // namespace descent
