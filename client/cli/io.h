#ifndef DESCENT_CLIENT_CLI_IO_H_
#define DESCENT_CLIENT_CLI_IO_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>

#include "client/cpp/clock.h"

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
  // By which a server that is away is waited for.
  client::Clock* clock = client::Clock::Real();
};

// As wide as the terminal; what goes elsewhere is not cut.
inline size_t Columns(const Io& io) {
  return io.terminal ? static_cast<size_t>(std::max(1, io.columns())) : std::string::npos;
}

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_IO_H_
