#include "server/daemon/launch/local.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"

namespace descent::daemon {
namespace {

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
  Local(std::string binary, std::string socket, std::vector<std::string> arguments)
      : binary_(std::move(binary)),
        socket_(std::move(socket)),
        arguments_(std::move(arguments)),
        processes_(Processes::OfThisMachine()) {}

  absl::StatusOr<ProcessId> Start(const Launch& launch) override {
    Command command{.words = {binary_, kSocketFlag, socket_, "--worker_id", launch.worker_id},
                    .environment = {{kSecretVariable, launch.secret}},
                    .log_path = launch.log_path};
    command.words.insert(command.words.end(), arguments_.begin(), arguments_.end());
    return processes_->Start(command);
  }

  void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) override {
    processes_->Watch(IsAnothers(process) ? ProcessId{.pid = process.pid} : process,
                      std::move(on_exit));
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

  const std::string binary_;
  const std::string socket_;
  const std::vector<std::string> arguments_;
  const std::unique_ptr<Processes> processes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Launcher>> LocalLauncher(const std::string& binary,
                                                        const std::string& socket,
                                                        const std::vector<std::string>& arguments) {
  if (access(binary.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The worker program ", binary, " can't be executed: ", server::ErrnoText(errno),
        "; name it with --worker_binary"));
  }
  return std::make_unique<Local>(binary, socket, arguments);
}

}  // namespace descent::daemon
