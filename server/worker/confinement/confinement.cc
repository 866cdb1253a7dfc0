#include "server/worker/confinement/confinement.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/worker/confinement/ruleset.h"

namespace descent::worker {
namespace {

// What is read of the system by LibTorch's kernels and the C library, now or at any later time.
constexpr const char* kSystem[] = {"/usr",
                                   "/lib",
                                   "/lib32",
                                   "/lib64",
                                   "/libx32",
                                   "/proc",
                                   "/sys",
                                   "/etc/localtime",
                                   "/etc/ld.so.cache",
                                   "/etc/passwd",
                                   "/etc/group",
                                   "/etc/nsswitch.conf",
                                   "/etc/alternatives"};
constexpr const char* kDevices[] = {"/dev/null",    "/dev/zero", "/dev/random",
                                    "/dev/urandom", "/dev/kfd",  "/dev/dri"};

// Gives the path without links and `..`; as it is if there is nothing there.
std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  return real ? real.get() : path;
}

// The folders that this process's libraries lie in: others of the same make are loaded from there
// when they are needed.
std::set<std::string> LibraryFolders() {
  std::set<std::string> folders;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos || !absl::StrContains(line.substr(0, slash), " r-x")) continue;
    folders.insert(std::filesystem::path(line.substr(slash)).parent_path().string());
  }
  return folders;
}

absl::Status AllowSystem(Ruleset* rules) {
  absl::Status status;
  for (const char* path : kSystem)
    status.Update(rules->Allow(RealPath(path), Ruleset::Right::kRead));
  for (const std::string& folder : LibraryFolders()) {
    status.Update(rules->Allow(folder, Ruleset::Right::kRead));
  }
  for (const char* path : kDevices) status.Update(rules->Allow(path, Ruleset::Right::kUse));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    if (absl::StartsWith(entry.path().filename().string(), "nvidia")) {
      status.Update(rules->Allow(entry.path().string(), Ruleset::Right::kUse));
    }
  }
  return status;
}

}  // namespace

bool GiveUpPrivileges() { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0; }

bool CanConfineFiles() { return LandlockVersion() > 0; }

absl::Status ConfineFiles(const FileAccess& access) {
  absl::StatusOr<Ruleset> rules = Ruleset::Create();
  if (!rules.ok()) return rules.status();
  absl::Status status = AllowSystem(&*rules);
  const std::vector<std::string> everything = {"/"};
  for (const auto* folders :
       {access.readable.empty() ? &everything : &access.readable, &access.shared}) {
    for (const std::string& folder : *folders) {
      status.Update(rules->Allow(RealPath(folder), Ruleset::Right::kRead));
    }
  }
  status.Update(rules->Allow(RealPath(access.writable), Ruleset::Right::kChange));
  if (!status.ok()) return status;
  return rules->Enforce();
}

}  // namespace descent::worker
