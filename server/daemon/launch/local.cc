#include "server/daemon/launch/local.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"
#include "server/common/log.h"
#include "server/common/mutex.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

constexpr const char* kSocketFlag = "--socket";

// Gives the words that a process was started with; none if it is gone.
std::vector<std::string> WordsOf(int64_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/cmdline"), std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

class Local final : public Launcher {
 public:
  Local(std::string binary, std::string socket, std::vector<std::string> arguments,
        std::unique_ptr<MemoryGroups> groups)
      : binary_(std::move(binary)),
        socket_(std::move(socket)),
        arguments_(std::move(arguments)),
        groups_(std::move(groups)),
        processes_(Processes::OfThisMachine()) {}

  absl::StatusOr<ProcessId> Start(const Launch& launch) override {
    Command command{.words = {binary_, kSocketFlag, socket_, "--worker_id", launch.worker_id},
                    .environment = {{kSecretVariable, launch.secret}},
                    .log_path = launch.log_path};
    command.words.insert(command.words.end(), arguments_.begin(), arguments_.end());
    absl::StatusOr<ProcessId> process = processes_->Start(command);
    if (process.ok() && groups_ != nullptr) Limit(launch.worker_id, *process);
    return process;
  }

  void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) override {
    if (IsAnothers(process)) {
      return processes_->Watch(ProcessId{.pid = process.pid}, std::move(on_exit));
    }
    const std::string group = GroupOf(process);
    if (group.empty()) return processes_->Watch(process, std::move(on_exit));
    processes_->Watch(
        process, [this, process, group, on_exit = std::move(on_exit)](const ProcessExit& exit) {
          on_exit(TakeGroup(process, group, exit));
        });
  }

  int64_t MemoryLimit(const ProcessId& process) const override {
    MutexLock lock(mutex_);
    return grouped_.contains(process) ? groups_->limit() : 0;
  }

  void End(const ProcessId& process) override {
    if (!IsAnothers(process)) processes_->End(process);
  }

 private:
  // True if it is the worker of a daemon of another folder: a store that was copied names the
  // workers of the one that it was copied from, and that one may still have them. (A program of
  // somebody's own has no such words.)
  bool IsAnothers(const ProcessId& process) const {
    const std::vector<std::string> words = WordsOf(process.pid);
    const auto flag = std::find(words.begin(), words.end(), kSocketFlag);
    return flag != words.end() && flag + 1 != words.end() && *(flag + 1) != socket_;
  }

  // Without a limit a worker is as good as any: that there is none is said, once in a row.
  void Limit(const std::string& worker_id, const ProcessId& process) {
    const absl::StatusOr<std::string> group = groups_->Add(worker_id, process.pid);
    MutexLock lock(mutex_);
    if (group.ok()) {
      grouped_[process] = *group;
    } else if (limited_) {
      server::LogWarning("workers", absl::StrCat("a worker runs without a memory limit: ",
                                                 std::string(group.status().message())));
    }
    limited_ = group.ok();
  }

  std::string GroupOf(const ProcessId& process) {
    if (groups_ == nullptr) return "";
    MutexLock lock(mutex_);
    if (const auto it = grouped_.find(process); it != grouped_.end()) return it->second;
    // One that an earlier daemon started; if that is still the process.
    std::string group = groups_->Of(process.pid);
    if (group.empty() || ProcessStartTicks(process.pid) != process.start_ticks) return "";
    grouped_[process] = group;
    return group;
  }

  // The process has ended: says whether that was for memory, and removes its group.
  ProcessExit TakeGroup(const ProcessId& process, const std::string& group, ProcessExit exit) {
    if (!exit.clean()) {
      switch (MemoryGroups::KillIn(group)) {
        case MemoryGroups::Kill::kNone:
          break;
        case MemoryGroups::Kill::kOverLimit:
          exit.memory_limit = groups_->limit();
          break;
        case MemoryGroups::Kill::kMachine:
          exit.memory_limit = 0;
          break;
      }
    }
    MemoryGroups::Remove(group);
    MutexLock lock(mutex_);
    grouped_.erase(process);
    return exit;
  }

  const std::string binary_;
  const std::string socket_;
  const std::vector<std::string> arguments_;
  const std::unique_ptr<MemoryGroups> groups_;  // null: none has a limit
  mutable server::Mutex mutex_;
  std::map<ProcessId, std::string> grouped_ ABSL_GUARDED_BY(mutex_);  // to their groups' folders
  bool limited_ ABSL_GUARDED_BY(mutex_) = true;
  const std::unique_ptr<Processes> processes_;  // last: its thread uses what is above
};

}  // namespace

absl::StatusOr<std::unique_ptr<Launcher>> LocalLauncher(const std::string& binary,
                                                        const std::string& socket,
                                                        const std::vector<std::string>& arguments,
                                                        std::unique_ptr<MemoryGroups> groups) {
  if (access(binary.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The worker program ", binary, " can't be executed: ", server::ErrnoText(errno),
        "; name it with --worker_binary"));
  }
  return std::make_unique<Local>(binary, socket, arguments, std::move(groups));
}

}  // namespace descent::daemon
