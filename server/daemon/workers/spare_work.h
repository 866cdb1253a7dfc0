// `SpareWork` is what spares are asked to do besides running jobs: each piece waits for its turn,
// then one worker has it in hand, by the worker's id. T has a member `caller`. One thread at a
// time.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_SPARE_WORK_H_
#define DESCENT_SERVER_DAEMON_WORKERS_SPARE_WORK_H_

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "server/daemon/security/caller.h"
#include "server/daemon/workers/fair_queue.h"

namespace descent::daemon {

template <class T>
class SpareWork {
 public:
  // So many pieces are in hand at a time; of one principal all but one of them, so that another
  // finds room at once.
  explicit SpareWork(int most) : most_(most) {}

  void Push(T item) {
    const Caller caller = item.caller;
    waiting_.Push(caller, std::move(item));
  }
  // Puts a piece first again, because it has had its turn already.
  void PushFront(T item) {
    const Caller caller = item.caller;
    waiting_.PushFront(caller, std::move(item));
  }

  // True if a piece waits that may begin.
  bool Any() const {
    return waiting_.Any([this](const Caller& caller) { return MayBegin(caller); });
  }
  // Takes the next piece that may begin.
  std::optional<T> Pop() {
    return waiting_.Pop([this](const Caller& caller) { return MayBegin(caller); });
  }

  void Begin(const std::string& worker_id, T item) {
    in_hand_.insert_or_assign(worker_id, std::move(item));
  }
  // Gives what the worker has in hand, or null.
  T* Of(const std::string& worker_id) {
    const auto it = in_hand_.find(worker_id);
    return it == in_hand_.end() ? nullptr : &it->second;
  }
  // Gives the id of the worker that has such a piece in hand, or an empty one.
  template <class Is>
  std::string WorkerOf(Is&& is) const {
    for (const auto& [worker_id, item] : in_hand_) {
      if (is(item)) return worker_id;
    }
    return "";
  }
  // Takes the piece out of the worker's hand.
  std::optional<T> End(const std::string& worker_id) {
    auto node = in_hand_.extract(worker_id);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }

  // Nobody wants these pieces any more.
  template <class Is>
  void EraseWaiting(Is&& is) {
    waiting_.EraseIf(std::forward<Is>(is));
  }

  // Takes all pieces, those first that wait; none is left.
  std::deque<T> TakeAll() {
    std::deque<T> all = waiting_.TakeAll();
    for (auto& [worker_id, item] : std::exchange(in_hand_, {})) all.push_back(std::move(item));
    return all;
  }

 private:
  bool MayBegin(const Caller& caller) const {
    const auto own = std::count_if(in_hand_.begin(), in_hand_.end(), [&](const auto& entry) {
      return entry.second.caller.principal == caller.principal;
    });
    return static_cast<int>(in_hand_.size()) < most_ && own < std::max(1, most_ - 1);
  }

  const int most_;
  FairQueue<T> waiting_;
  std::map<std::string, T> in_hand_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_SPARE_WORK_H_
