#include "server/worker/session/waiting_requests.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace descent::worker {
namespace {

// More requests than can be open at a time, so that whatever is delivered again is known.
constexpr size_t kAnsweredKept = 4096;

}  // namespace

void WaitingRequests::Add(Request request) {
  if (!known_.insert(request.request_id()).second) return;
  due_ = 0;
  waiting_.push_back(std::move(request));
}

std::vector<WaitingRequests::Request> WaitingRequests::Take() {
  due_ = std::numeric_limits<int64_t>::max();
  return std::exchange(waiting_, {});
}

void WaitingRequests::PutBack(Request request) {
  due_ = std::min(due_, request.at_iteration());
  waiting_.push_back(std::move(request));
}

void WaitingRequests::Answered(const std::string& request_id) {
  answered_.push_back(request_id);
  if (answered_.size() <= kAnsweredKept) return;
  known_.erase(answered_.front());
  answered_.pop_front();
}

}  // namespace descent::worker
