// descent: the command line of the training service.

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/app.h"

namespace {

std::atomic<bool> interruptible = false;
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

// The first SIGINT asks a command that can be interrupted; else it ends the program as usual.
void OnInterrupt(int signal) {
  if (interruptible && !interrupted) {
    interrupted = true;
    return;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

int TerminalColumns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string ReadSecret(const std::string& prompt) {
  std::string line;
  termios shown{};
  const bool terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &shown) == 0;
  if (terminal) {
    std::cerr << prompt << std::flush;
    termios hidden = shown;
    // Without ISIG, so that ^C does not leave a terminal behind that shows nothing.
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::getline(std::cin, line);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    std::cerr << "\n";
  }
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  // Errors are told by us; gRPC would log its own to stderr besides.
  setenv("GRPC_VERBOSITY", "NONE", /*replace=*/0);
  std::ios::sync_with_stdio(false);
  const char* term = std::getenv("TERM");
  const char* no_colour = std::getenv("NO_COLOR");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  descent::cli::Io io{.out = std::cout, .err = std::cerr};
  io.terminal = isatty(STDOUT_FILENO) == 1 && !dumb;
  io.error_terminal = isatty(STDERR_FILENO) == 1 && !dumb;
  io.colour = io.terminal && (no_colour == nullptr || *no_colour == '\0');
  io.columns = TerminalColumns;
  io.interruptible = &interruptible;
  io.interrupted = &interrupted;
  io.secret = ReadSecret;
  std::signal(SIGINT, OnInterrupt);
  return descent::cli::Run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), io);
}
