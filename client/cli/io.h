// `Io` is where a run of the CLI writes, and what that can show. Tests make their own.
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

struct Io {
  std::ostream& out;
  std::ostream& err;
  // True if `out` is a terminal that understands escape codes: live lines may be drawn.
  bool terminal = false;
  // True if `err` is one.
  bool error_terminal = false;
  // True if colours are wanted too (NO_COLOR is not set).
  bool colour = false;
  // Gives the terminal's width now.
  std::function<int()> columns = [] { return 80; };
  // The first is set while a command that can be interrupted runs; the second then becomes true on
  // SIGINT, which otherwise ends the program.
  std::atomic<bool>* interruptible = nullptr;
  std::atomic<bool>* interrupted = nullptr;
  // Gives a line of standard input, which a terminal does not show and asks for by `prompt`; empty
  // if there is none.
  std::function<std::string(const std::string& prompt)> secret = [](const std::string&) {
    return std::string();
  };
  // By this clock a server that is away is waited for.
  client::Clock* clock = client::Clock::Real();
};

// Gives the terminal's width; what goes elsewhere is not cut.
inline size_t Columns(const Io& io) {
  return io.terminal ? static_cast<size_t>(std::max(1, io.columns())) : std::string::npos;
}

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_IO_H_
