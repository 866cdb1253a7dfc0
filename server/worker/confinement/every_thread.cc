#include "server/worker/confinement/every_thread.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"

namespace descent::worker {
namespace {

constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 100'000};
constexpr int kMostPauses = 50'000;  // five seconds a thread

// What the handler, which is given nothing, works with.
struct Act {
  std::atomic<int (*)(int)> act = nullptr;
  std::atomic<int> argument = 0;
  std::atomic<int> error = 0;
  std::atomic<pid_t> done = 0;  // the thread that ran it last
};

Act& TheAct() {
  static Act act;
  return act;
}

pid_t ThisThread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

void Handle(int) {
  const int saved = errno;
  Act& act = TheAct();
  if (const int error = act.act.load()(act.argument); error != 0) act.error = error;
  act.done = ThisThread();
  errno = saved;
}

std::set<pid_t> Threads() {
  std::set<pid_t> threads;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string name = entry.path().filename().string();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (thread > 0) threads.insert(thread);
  }
  return threads;
}

// Gives false if the thread is there and does not run it in time.
bool RunOn(pid_t thread, int signal) {
  Act& act = TheAct();
  act.done = 0;
  if (syscall(SYS_tgkill, getpid(), thread, signal) != 0) return errno == ESRCH;
  for (int i = 0; i < kMostPauses; ++i) {
    if (act.done == thread) return true;
    if (syscall(SYS_tgkill, getpid(), thread, 0) != 0) return true;  // it has ended
    nanosleep(&kPause, nullptr);
  }
  return false;
}

}  // namespace

absl::Status OnEveryThread(int (*act)(int), int argument) {
  Act& shared = TheAct();
  shared.act = act;
  shared.argument = argument;
  shared.error = 0;
  // Libraries take the first real-time signals, if any.
  const int signal = SIGRTMAX - 2;
  struct sigaction ours = {}, before = {};
  ours.sa_handler = Handle;
  ours.sa_flags = SA_RESTART;
  sigfillset(&ours.sa_mask);
  if (sigaction(signal, &ours, &before) != 0) {
    return absl::InternalError(server::ErrnoText(errno));
  }
  std::set<pid_t> done = {ThisThread()};
  // A thread that has not run it yet may make others, so one looks again until there is none.
  for (bool found = true; found;) {
    found = false;
    for (const pid_t thread : Threads()) {
      if (!done.insert(thread).second) continue;
      found = true;
      if (RunOn(thread, signal)) continue;
      // The handler stays: the signal may come yet.
      return absl::UnavailableError(
          absl::StrCat("thread ", thread, " of this process takes no signal"));
    }
  }
  sigaction(signal, &before, nullptr);
  if (const int error = act(argument); error != 0) shared.error = error;
  return shared.error == 0 ? absl::OkStatus()
                           : absl::InternalError(server::ErrnoText(shared.error));
}

}  // namespace descent::worker
