#include "server/daemon/api/pace.h"

#include <algorithm>

#include "server/common/mutex.h"

namespace descent::daemon {
namespace {

constexpr int64_t kWindow = 100'000'000;

}  // namespace

int64_t Pace::Send(int64_t now, int64_t* last_window) {
  server::MutexLock lock(mutex_);
  const int64_t window = now / kWindow;
  if (window != window_) {
    earlier_senders_ = window == window_ + 1 ? senders_ : 0;
    senders_ = 0;
    window_ = window;
  }
  if (*last_window != window) {
    *last_window = window;
    ++senders_;
  }
  const int64_t others = std::max(senders_, earlier_senders_) - 1;
  const int64_t interval = std::min((others + 1) * kNanosPerMessage, kMaxInterval);
  return others == 0 ? 0 : interval - now % interval;
}

}  // namespace descent::daemon
