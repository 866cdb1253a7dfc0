#ifndef DESCENT_CLIENT_CLI_IO_H_
#define DESCENT_CLIENT_CLI_IO_H_

#include <atomic>
#include <functional>
#include <ostream>

namespace descent::cli {

// Where a run of the CLI writes, and what that can show. Tests make their own.
struct Io {
  std::ostream& out;
  std::ostream& err;
  // `out` is a terminal that understands escape codes: live lines may be drawn.
  bool terminal = false;
  // `err` is one.
  bool error_terminal = false;
  // Colours are wanted too (NO_COLOR is not set).
  bool colour = false;
  // The terminal's width now.
  std::function<int()> columns = [] { return 80; };
  // Set while a command that can be interrupted runs; `interrupted` then becomes true on SIGINT,
  // which else ends the program.
  std::atomic<bool>* interruptible = nullptr;
  std::atomic<bool>* interrupted = nullptr;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_IO_H_
