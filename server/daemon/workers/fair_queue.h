// A `FairQueue` is what callers wait for, in turns: of each principal the oldest, then of the next
// one (round robin; J. Nagle, RFC 970). However much one asks for, another waits for one piece of
// it at the most. One thread at a time; costs grow with those who wait, not with what they asked
// for.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_FAIR_QUEUE_H_
#define DESCENT_SERVER_DAEMON_WORKERS_FAIR_QUEUE_H_

#include <algorithm>
#include <deque>
#include <list>
#include <optional>
#include <utility>

#include "server/daemon/security/caller.h"

namespace descent::daemon {

template <class T>
class FairQueue {
 public:
  void Push(const Caller& caller, T item) { LineOf(caller).items.push_back(std::move(item)); }
  // Puts the item first again, because it has had its turn already.
  void PushFront(const Caller& caller, T item) { LineOf(caller).items.push_front(std::move(item)); }

  // True if somebody waits for whom `may(caller)`.
  template <class May>
  bool Any(May&& may) const {
    return std::any_of(lines_.begin(), lines_.end(),
                       [&](const Line& line) { return may(line.caller); });
  }

  // Takes the next item of somebody for whom `may(caller)`; nothing if there is none.
  template <class May>
  std::optional<T> Pop(May&& may) {
    for (auto line = lines_.begin(); line != lines_.end(); ++line) {
      if (!may(line->caller)) continue;
      T item = std::move(line->items.front());
      line->items.pop_front();
      if (line->items.empty()) {
        lines_.erase(line);
      } else {
        lines_.splice(lines_.end(), lines_, line);
      }
      return item;
    }
    return std::nullopt;
  }

  template <class Is>
  void EraseIf(Is&& is) {
    for (Line& line : lines_) std::erase_if(line.items, is);
    std::erase_if(lines_, [](const Line& line) { return line.items.empty(); });
  }

  // Takes all items, whose turn it is first, and leaves the queue empty.
  std::deque<T> TakeAll() {
    std::deque<T> all;
    while (std::optional<T> item = Pop([](const Caller&) { return true; })) {
      all.push_back(*std::move(item));
    }
    return all;
  }

 private:
  struct Line {
    Caller caller;
    std::deque<T> items;  // never empty
  };

  Line& LineOf(const Caller& caller) {
    for (Line& line : lines_) {
      if (line.caller.principal == caller.principal) return line;
    }
    return lines_.emplace_back(Line{caller, {}});
  }

  std::list<Line> lines_;  // whose turn it is comes first
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_FAIR_QUEUE_H_
