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

std::vector<std::string> RealPaths(const std::vector<std::string>& paths) {
  std::vector<std::string> real;
  for (const std::string& path : paths) real.push_back(RealPath(path));
  return real;
}

bool IsBelow(const std::string& path, const std::string& folder) {
  return absl::StartsWith(path, folder == "/" ? folder : absl::StrCat(folder, "/"));
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

// Allows to read all of a folder but what is kept out. What a rule allows of a folder none can take
// away for a part of it, so that one which has something to be kept out in it is allowed entry by
// entry.
absl::Status AllowToRead(const std::string& path, const std::vector<std::string>& kept_out,
                         Ruleset* rules) {
  if (std::ranges::any_of(
          kept_out, [&](const std::string& kept) { return kept == path || IsBelow(path, kept); })) {
    return absl::OkStatus();
  }
  if (std::ranges::none_of(kept_out,
                           [&](const std::string& kept) { return IsBelow(kept, path); })) {
    return rules->Allow(path, Ruleset::Right::kRead);
  }
  absl::Status status;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(path, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    status.Update(AllowToRead(entry->path().string(), kept_out, rules));
  }
  return status;
}

absl::Status AllowSystem(const std::vector<std::string>& kept_out, Ruleset* rules) {
  absl::Status status;
  for (const char* path : kSystem) status.Update(AllowToRead(RealPath(path), kept_out, rules));
  for (const std::string& folder : LibraryFolders()) {
    status.Update(AllowToRead(folder, kept_out, rules));
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
  const std::vector<std::string> kept_out = RealPaths(access.kept_out);
  std::vector<std::string> readable = RealPaths(access.readable);
  if (readable.empty()) readable.emplace_back("/");
  // A folder that is allowed entry by entry can't be listed, which a job may have to do with it.
  const bool lists = std::ranges::none_of(readable, [&](const std::string& folder) {
    return std::ranges::any_of(kept_out,
                               [&](const std::string& kept) { return IsBelow(kept, folder); });
  });
  absl::StatusOr<Ruleset> rules = Ruleset::Create(lists);
  if (!rules.ok()) return rules.status();
  absl::Status status = AllowSystem(kept_out, &*rules);
  for (const std::string& folder : readable) status.Update(AllowToRead(folder, kept_out, &*rules));
  for (const std::string& folder : access.shared) {
    status.Update(rules->Allow(RealPath(folder), Ruleset::Right::kRead));
  }
  status.Update(rules->Allow(RealPath(access.writable), Ruleset::Right::kChange));
  if (!status.ok()) return status;
  return rules->Enforce();
}

}  // namespace descent::worker
