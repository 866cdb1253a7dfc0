#include "server/daemon/launch/local.h"

#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"

namespace descent::daemon {
namespace {

class Local final : public Launcher {
 public:
  Local(std::string binary, std::string socket, std::vector<std::string> arguments)
      : binary_(std::move(binary)),
        socket_(std::move(socket)),
        arguments_(std::move(arguments)),
        processes_(Processes::OfThisMachine()) {}

  absl::StatusOr<ProcessId> Start(const Launch& launch) override {
    Command command{.words = {binary_, "--socket", socket_, "--worker_id", launch.worker_id},
                    .environment = {{kSecretVariable, launch.secret}},
                    .log_path = launch.log_path};
    command.words.insert(command.words.end(), arguments_.begin(), arguments_.end());
    return processes_->Start(command);
  }

  void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) override {
    processes_->Watch(process, std::move(on_exit));
  }

  void End(const ProcessId& process) override { processes_->End(process); }

 private:
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
