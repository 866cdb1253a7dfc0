// `WaitingRequests` are people's requests that were delivered and have no answer yet, in order of
// arrival. Each is taken in once, however often it is delivered. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_SESSION_WAITING_REQUESTS_H_
#define DESCENT_SERVER_WORKER_SESSION_WAITING_REQUESTS_H_

#include <cstdint>
#include <deque>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"

namespace descent::worker {

class WaitingRequests {
 public:
  using Request = ::descent::v1::CommandAccepted;

  // Says that this one is answered elsewhere, so that Add will not take it in.
  void Know(const std::string& request_id) { known_.insert(request_id); }

  // Takes a request in, unless it is known. It is due at once: it may be for an iteration that will
  // never come.
  void Add(Request request);

  // True if any may be due at an iteration; while all wait for later ones, this is all they cost.
  bool DueAt(int64_t iteration) const { return iteration >= due_; }

  // Takes all of them; none waits any more.
  std::vector<Request> Take();

  // Lets a request wait again, until its `at_iteration`.
  void PutBack(Request request);

  // Notes that a request was answered. It is forgotten once many others were, more than can be open
  // at a time.
  void Answered(const std::string& request_id);

 private:
  std::set<std::string> known_;  // the ids of open ones, and of the last that were answered
  std::deque<std::string> answered_;
  std::vector<Request> waiting_;
  // No request that waits is for an iteration before this one.
  int64_t due_ = std::numeric_limits<int64_t>::max();
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_WAITING_REQUESTS_H_
