// A `ProgressLine` is a line on a terminal that says what long work is at; gone at its end.
// Elsewhere it shows nothing. Not thread-safe.
#ifndef DESCENT_SERVER_DAEMON_MAIN_PROGRESS_LINE_H_
#define DESCENT_SERVER_DAEMON_MAIN_PROGRESS_LINE_H_

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <string>

namespace descent::daemon {

class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) std::cerr << "\r\x1b[K" << std::flush;
  }
  ProgressLine() = default;
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows `what`, as in `looks at jobs/a`, now and then.
  void Show(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    shown_ = true;
    std::cerr << "\r\x1b[Kdescentd: " << what << std::flush;
  }

 private:
  const bool is_terminal_ = isatty(STDERR_FILENO) == 1;
  // Short work shows none.
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
  bool shown_ = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_PROGRESS_LINE_H_
