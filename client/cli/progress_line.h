// A `ProgressLine` is a line on a terminal that says how far something is, drawn anew now and then,
// and gone with this object. Not thread-safe.
#ifndef DESCENT_CLIENT_CLI_PROGRESS_LINE_H_
#define DESCENT_CLIENT_CLI_PROGRESS_LINE_H_

#include <ostream>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/io.h"

namespace descent::cli {

class ProgressLine {
 public:
  // So often it is drawn.
  static constexpr absl::Duration kRedrawn = absl::Milliseconds(100);

  explicit ProgressLine(const Io& io) : io_(io) {}
  ~ProgressLine() {
    if (drawn_) io_.err << "\r\x1b[K" << std::flush;
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows what `text` gives, if it is time, on a terminal alone.
  void Show(absl::FunctionRef<std::string()> text) {
    const absl::Time now = absl::Now();
    if (!io_.error_terminal || now < next_) return;
    next_ = now + kRedrawn;
    drawn_ = true;
    io_.err << "\r\x1b[K" << text() << std::flush;
  }

 private:
  const Io& io_;
  absl::Time next_ = absl::InfinitePast();
  bool drawn_ = false;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_PROGRESS_LINE_H_
