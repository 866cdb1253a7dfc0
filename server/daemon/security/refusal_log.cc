#include "server/daemon/security/refusal_log.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "server/common/log.h"

namespace descent::daemon {

void RefusalLog::Add(std::string_view why, std::string_view from) {
  int64_t untold = 0;
  {
    server::MutexLock lock(mutex_);
    const int64_t now = clock_->MonotonicNanos();
    if (last_line_ && now - *last_line_ < server::kSecond) {
      ++untold_;
      return;
    }
    last_line_ = now;
    untold = std::exchange(untold_, 0);
  }
  server::LogWarning(
      "access",
      absl::StrCat("turned away: ", std::string(why), from.empty() ? "" : ", from ",
                   ShortUtf8(from, 128),
                   untold == 0 ? "" : absl::StrCat("; ", untold, " others since the line before")));
}

}  // namespace descent::daemon
