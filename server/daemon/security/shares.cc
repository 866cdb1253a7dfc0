#include "server/daemon/security/shares.h"

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "server/common/mutex.h"

namespace descent::daemon {

using server::MutexLock;

struct Share::State {
  server::Mutex mutex;
  int64_t taken ABSL_GUARDED_BY(mutex) = 0;
  std::map<std::string, int64_t> by_principal ABSL_GUARDED_BY(mutex);  // who has none is not in it
};

Share::~Share() {
  if (state_ == nullptr) return;
  MutexLock lock(state_->mutex);
  state_->taken -= amount_;
  const auto his = state_->by_principal.find(principal_);
  if ((his->second -= amount_) == 0) state_->by_principal.erase(his);
}

Shares::Shares(Kind kind, int64_t most)
    : kind_(kind), most_(most), state_(std::make_shared<Share::State>()) {}

absl::StatusOr<Share> Shares::Take(const std::string& principal, int64_t amount) {
  const int64_t most_of_one = most_ - most_ / 4;
  const std::string limit = kind_.flag[0] == '\0' ? "" : absl::StrCat(" (", kind_.flag, ")");
  MutexLock lock(state_->mutex);
  const auto known = state_->by_principal.find(principal);
  const int64_t his = known == state_->by_principal.end() ? 0 : known->second;
  std::string problem;
  if (state_->taken + amount > most_) {
    problem = absl::StrCat("descentd has ", state_->taken, " ", kind_.name,
                           ", and may have no more than ", most_, limit);
  } else if (his + amount > most_of_one) {
    problem = absl::StrCat("\"", principal, "\" has ", his, " ", kind_.name, " of the ", most_,
                           " that descentd may have", limit,
                           ", of which one principal has three quarters at most");
  }
  if (!problem.empty()) {
    return MakeError(absl::StatusCode::kResourceExhausted,
                     absl::StrCat(problem, "; ", kind_.advice), kind_.reason);
  }
  state_->taken += amount;
  state_->by_principal[principal] += amount;
  return Share(state_, principal, amount);
}

Share Shares::TakeAnyway(const std::string& principal) {
  MutexLock lock(state_->mutex);
  ++state_->taken;
  ++state_->by_principal[principal];
  return Share(state_, principal, 1);
}

}  // namespace descent::daemon
