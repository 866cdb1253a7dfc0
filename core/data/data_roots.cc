#include "core/data/data_roots.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent {

absl::StatusOr<DataRoots> DataRoots::Create(const std::vector<std::string>& folders) {
  DataRoots roots;
  for (const std::string& folder : folders) {
    const std::unique_ptr<char, void (*)(void*)> real(realpath(folder.c_str(), nullptr), std::free);
    struct stat info;
    if (!real || stat(real.get(), &info) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("Cannot open the data folder ", folder, ": ", strerror(errno), "."));
    }
    if (!S_ISDIR(info.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat(folder, " is no folder to read data from."));
    }
    std::string root = real.get();
    if (root == "/") root.clear();
    roots.roots_.push_back(std::move(root));
  }
  return roots;
}

absl::Status DataRoots::Check(const std::string& path, const std::string& real) const {
  if (unrestricted()) return absl::OkStatus();
  for (const std::string& root : roots_) {
    if (real.compare(0, root.size(), root) != 0) continue;
    if (real.size() == root.size() || real[root.size()] == '/') return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat(path, " is outside the folders that this server reads data from: ",
                   absl::StrJoin(roots_, ", ",
                                 [](std::string* out, const std::string& root) {
                                   out->append(root.empty() ? "/" : root);
                                 }),
                   "."));
}

}  // namespace descent
