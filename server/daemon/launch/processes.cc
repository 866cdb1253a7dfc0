#include "server/daemon/launch/processes.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "core/text/size_text.h"
#include "server/common/errno_text.h"
#include "server/common/mutex.h"
#include "server/common/process_stat.h"
#include "server/common/regular_file.h"
#include "server/daemon/sockets/descriptors.h"

extern char** environ;

namespace descent::daemon {
namespace {

using server::MutexLock;

constexpr int kRetryMillis = 100;

// Owns a descriptor, and closes it.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Gives this process's environment, and what is given, in place of what it has under the same
// names.
std::vector<std::string> Environment(const std::map<std::string, std::string>& given) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (given.count(std::string(text.substr(0, text.find('=')))) == 0) variables.emplace_back(text);
  }
  for (const auto& [name, value] : given) variables.push_back(absl::StrCat(name, "=", value));
  return variables;
}

// Gives the texts as the C library wants them: pointers into `texts`.
std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  for (std::string& text : *texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class SystemProcesses final : public Processes {
 public:
  SystemProcesses()
      : epoll_(epoll_create1(EPOLL_CLOEXEC)),
        wake_(eventfd(0, EFD_CLOEXEC)),
        thread_([this] { Run(); }) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = wake_.get()}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  }

  ~SystemProcesses() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      Wake();
    }
    thread_.join();
    for (const auto& [fd, watched] : watched_) close(fd);
  }

  absl::StatusOr<ProcessId> Start(const Command& command) override {
    // Closed clients may have left none: a worker is launched all the same.
    const RoomForLaunch room(this);
    const absl::StatusOr<int> opened =
        server::OpenRegularFile(command.log_path, O_CREAT | O_WRONLY | O_APPEND, S_IRUSR | S_IWUSR);
    if (!opened.ok()) {
      return absl::Status(absl::IsResourceExhausted(opened.status())
                              ? absl::StatusCode::kResourceExhausted
                              : absl::StatusCode::kUnavailable,
                          absl::StrCat("Can't write the worker's log ", command.log_path, ": ",
                                       std::string(opened.status().message())));
    }
    const Descriptor log(*opened);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, log.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log.get(), STDERR_FILENO);
    // A library may have forgotten to mark a descriptor CLOEXEC: a live worker would keep locks and
    // ports.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<std::string> words = command.words;
    std::vector<std::string> variables = Environment(command.environment);

    ProcessId process;
    int error = 0;
    {
      // The lock is held so that the watching thread can't reap the child before it is known as
      // one.
      MutexLock lock(mutex_);
      pid_t pid = 0;
      error = posix_spawn(&pid, command.words.front().c_str(), &actions, &attributes,
                          Pointers(&words).data(), Pointers(&variables).data());
      if (error == 0) {
        process = {pid, ProcessStartTicks(pid)};
        children_.insert(pid);
      }
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      return absl::UnavailableError(
          absl::StrCat("Can't start ", command.words.front(), ": ", server::ErrnoText(error)));
    }
    return process;
  }

  void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) override {
    MutexLock lock(mutex_);
    Unwatched unwatched{process, std::move(on_exit)};
    if (!TryWatch(&unwatched)) {
      unwatched_.push_back(std::move(unwatched));
      Wake();
    }
  }

  void End(const ProcessId& process) override {
    // The descriptor is opened first: once it is open, the number can't become another process's.
    const Descriptor opened(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    if (opened.get() < 0 || ProcessStartTicks(process.pid) != process.start_ticks) return;
    syscall(SYS_pidfd_send_signal, opened.get(), SIGKILL, nullptr, 0);
  }

 private:
  struct Watched {
    int64_t pid;
    bool ours;
    std::function<void(const ProcessExit&)> on_exit;
  };

  // A process that is not watched yet, for want of a descriptor.
  struct Unwatched {
    ProcessId process;
    std::function<void(const ProcessExit&)> on_exit;
  };

  // Makes room for what a launch opens: the log, and files of /proc.
  class RoomForLaunch {
   public:
    explicit RoomForLaunch(SystemProcesses* processes) : processes_(processes) {
      MutexLock lock(processes_->mutex_);
      for (SpareDescriptor& spare : processes_->spares_) spare.Release();
    }
    ~RoomForLaunch() {
      MutexLock lock(processes_->mutex_);
      for (SpareDescriptor& spare : processes_->spares_) spare.Take();
    }

   private:
    SystemProcesses* const processes_;
  };

  // Gives false if it is not possible now, for want of a descriptor, which must not be taken for
  // the process's end.
  bool TryWatch(Unwatched* unwatched) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const ProcessId& process = unwatched->process;
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0));
    if (fd < 0 && IsOutOfDescriptors(errno)) return false;
    const bool ours = children_.count(process.pid) > 0;
    // The number may have been given to another process meanwhile; a child's can't have been.
    const bool same = fd >= 0 && (ours || ProcessStartTicks(process.pid) == process.start_ticks);
    if (!same) {
      const bool unknown = fd >= 0 && !CheckDescriptors().ok();
      if (fd >= 0) close(fd);
      if (unknown) return false;
      gone_.push_back(std::move(unwatched->on_exit));
      Wake();
      return true;
    }
    watched_.emplace(fd, Watched{process.pid, ours, std::move(unwatched->on_exit)});
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    return true;
  }

  // Watches the rest, and gives what epoll waits for, in milliseconds.
  int WatchRest() {
    MutexLock lock(mutex_);
    while (!unwatched_.empty() && TryWatch(&unwatched_.back())) unwatched_.pop_back();
    return unwatched_.empty() ? -1 : kRetryMillis;
  }

  void Wake() {
    const uint64_t one = 1;
    if (write(wake_.get(), &one, sizeof one) < 0) abort();
  }

  void Run() {
    while (true) {
      epoll_event events[16];
      const int count = epoll_wait(epoll_.get(), events, 16, WatchRest());
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd != wake_.get()) {
          Ended(fd);
          continue;
        }
        uint64_t ignored = 0;
        if (read(fd, &ignored, sizeof ignored) < 0) continue;
        std::vector<std::function<void(const ProcessExit&)>> gone;
        {
          MutexLock lock(mutex_);
          if (stopping_) return;
          gone.swap(gone_);
        }
        for (const auto& on_exit : gone) on_exit(ProcessExit{});
      }
    }
  }

  void Ended(int fd) {
    Watched watched;
    ProcessExit exit;
    {
      MutexLock lock(mutex_);
      const auto it = watched_.find(fd);
      if (it == watched_.end()) return;
      watched = std::move(it->second);
      watched_.erase(it);
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
      siginfo_t info{};
      if (watched.ours && waitid(P_PIDFD, fd, &info, WEXITED) == 0) {
        exit.known = true;
        if (info.si_code == CLD_EXITED) {
          exit.exit_status = info.si_status;
        } else {
          exit.signal = info.si_status;
        }
      }
      children_.erase(watched.pid);
      close(fd);
    }
    watched.on_exit(exit);
  }

  const Descriptor epoll_;
  const Descriptor wake_;
  server::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<int64_t> children_ ABSL_GUARDED_BY(mutex_);
  std::map<int, Watched> watched_ ABSL_GUARDED_BY(mutex_);  // by pidfd
  std::vector<std::function<void(const ProcessExit&)>> gone_ ABSL_GUARDED_BY(mutex_);
  std::vector<Unwatched> unwatched_ ABSL_GUARDED_BY(mutex_);
  SpareDescriptor spares_[2] ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses what is above
};

}  // namespace

std::string DescribeExit(const ProcessExit& exit) {
  if (exit.memory_limit) {
    return absl::StrCat("was killed for memory: ",
                        *exit.memory_limit == 0
                            ? "the machine had none left"
                            : absl::StrCat("over its limit of ",
                                           SizeText(static_cast<double>(*exit.memory_limit))));
  }
  if (!exit.known) return "is gone";
  if (exit.signal == 0) return absl::StrCat("exited with status ", exit.exit_status);
  const char* name = sigabbrev_np(exit.signal);
  return absl::StrCat("was killed by signal ", exit.signal,
                      name == nullptr ? "" : absl::StrCat(" (SIG", name, ")"));
}

int64_t ProcessStartTicks(int64_t pid) {
  const std::optional<server::ProcessStat> stat = server::ReadProcessStat(pid);
  // A zombie has ended, whether or not its parent has looked.
  return !stat || stat->state == 'Z' || stat->state == 'X' ? 0 : stat->start_ticks;
}

std::unique_ptr<Processes> Processes::OfThisMachine() {
  return std::make_unique<SystemProcesses>();
}

}  // namespace descent::daemon
