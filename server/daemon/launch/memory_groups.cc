#include "server/daemon/launch/memory_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/common/errno_text.h"

namespace descent::daemon {
namespace {

constexpr const char* kDaemonGroup = "daemon";
constexpr absl::string_view kWorkerPrefix = "worker-";

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> Words(const std::string& text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

// A file of a cgroup takes its text in one write, and gives its error there.
absl::Status Write(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  int error = file < 0 ? errno : 0;
  if (file >= 0) {
    if (write(file, text.data(), text.size()) < 0) error = errno;
    close(file);
  }
  if (error == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", server::ErrnoText(error)));
}

absl::Status MakeGroup(const std::string& folder) {
  if (mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(folder, ": ", server::ErrnoText(errno)));
}

// Gives a process's path within the cgroups of version 2: the line `0::PATH`. Empty if there is
// none.
std::string GroupPath(const std::string& file) {
  for (absl::string_view path : absl::StrSplit(Read(file), '\n')) {
    if (absl::ConsumePrefix(&path, "0::")) return std::string(path);
  }
  return "";
}

// Gives the number after a word in memory.events.
int64_t Count(const std::vector<std::string>& words, absl::string_view name) {
  int64_t count = 0;
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    if (words[i] == name && absl::SimpleAtoi(words[i + 1], &count)) return count;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::string> OwnGroup(const std::string& proc) {
  const std::string path = GroupPath(absl::StrCat(proc, "/self/cgroup"));
  // A line is: number, parent, device, root, mount point, options, optional fields, `-`, type, …
  for (const absl::string_view line :
       absl::StrSplit(Read(absl::StrCat(proc, "/self/mountinfo")), '\n')) {
    const std::vector<std::string> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    const std::vector<std::string> words = Words(halves.front());
    if (halves.size() < 2 || words.size() < 5 || !absl::StartsWith(halves[1], "cgroup2 ")) continue;
    // What is mounted may be a part of all groups alone, and `path` begins at their root.
    absl::string_view rest = path;
    if (words[3] != "/" && !absl::ConsumePrefix(&rest, words[3])) continue;
    if (path.empty() || rest == "/" || rest.empty()) continue;
    return absl::StrCat(words[4], rest);
  }
  return absl::NotFoundError("this process is in no cgroup (version 2) but the first one of all");
}

int64_t MemoryOf(const std::string& group) {
  int64_t memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  // The first group of all has no such file, and what is above it neither.
  for (std::filesystem::path folder = group; folder.has_relative_path();
       folder = folder.parent_path()) {
    const std::vector<std::string> words = Words(Read((folder / "memory.max").string()));
    if (words.empty()) break;
    int64_t limit = 0;
    if (absl::SimpleAtoi(words.front(), &limit)) memory = std::min(memory, limit);
  }
  return memory;
}

absl::StatusOr<std::unique_ptr<MemoryGroups>> MemoryGroups::TakeOver(const std::string& folder,
                                                                     int64_t limit) {
  const std::vector<std::string> controllers = Words(Read(folder + "/cgroup.controllers"));
  if (std::ranges::count(controllers, "memory") == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the cgroup ", folder, " doesn't count memory (systemd: Delegate=memory)"));
  }
  const std::string own = absl::StrCat(getpid());
  for (const std::string& pid : Words(Read(folder + "/cgroup.procs"))) {
    if (pid == own) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the cgroup ", folder, " is not descentd's alone, process ", pid,
                     " is in it, too (start it as a service of systemd's, with Delegate=memory)"));
  }
  const std::string daemon = absl::StrCat(folder, "/", kDaemonGroup);
  absl::Status status = MakeGroup(daemon);
  if (status.ok()) status = Write(daemon + "/cgroup.procs", own);
  if (status.ok()) status = Write(folder + "/cgroup.subtree_control", "+memory");
  if (!status.ok()) return status;
  std::unique_ptr<MemoryGroups> groups(new MemoryGroups(folder, limit));
  groups->TakeOverWorkers();
  return groups;
}

void MemoryGroups::TakeOverWorkers() const {
  std::error_code error;
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (absl::StartsWith(entry.path().filename().string(), kWorkerPrefix)) {
      found.push_back(entry.path().string());
    }
  }
  for (const std::string& group : found) {
    // Only one whose processes have ended can be removed. A worker that lives on without the limit
    // can't be helped.
    if (rmdir(group.c_str()) != 0) SetLimit(group).IgnoreError();
  }
}

absl::Status MemoryGroups::SetLimit(const std::string& group) const {
  if (absl::Status status = Write(group + "/memory.max", absl::StrCat(limit_)); !status.ok()) {
    return status;
  }
  // A limit beyond which everything is only slow would be none; kernels without swap lack it.
  Write(group + "/memory.swap.max", "0").IgnoreError();
  // What the worker may have started goes with it.
  return Write(group + "/memory.oom.group", "1");
}

absl::StatusOr<std::string> MemoryGroups::Add(const std::string& worker_id, int64_t pid) const {
  std::string group = absl::StrCat(folder_, "/", kWorkerPrefix, worker_id);
  absl::Status status = MakeGroup(group);
  if (status.ok()) status = SetLimit(group);
  if (status.ok()) status = Write(group + "/cgroup.procs", absl::StrCat(pid));
  if (status.ok()) return group;
  Remove(group);
  return status;
}

std::string MemoryGroups::Of(int64_t pid) const {
  const std::filesystem::path path = GroupPath(absl::StrCat("/proc/", pid, "/cgroup"));
  const std::string name = path.filename().string();
  if (!absl::StartsWith(name, kWorkerPrefix)) return "";
  std::string group = absl::StrCat(folder_, "/", name);
  std::error_code error;
  return std::filesystem::is_directory(group, error) ? group : "";
}

MemoryGroups::Kill MemoryGroups::KillIn(const std::string& group) {
  const std::vector<std::string> events = Words(Read(group + "/memory.events"));
  if (Count(events, "oom_kill") == 0) return Kill::kNone;
  return Count(events, "oom") > 0 ? Kill::kOverLimit : Kill::kMachine;
}

void MemoryGroups::Remove(const std::string& group) { rmdir(group.c_str()); }

}  // namespace descent::daemon
