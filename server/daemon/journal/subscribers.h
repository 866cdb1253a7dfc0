// `Subscribers` are those who want news of one journal. Thread-safe. A callback may subscribe, and
// may end other subscriptions, but not its own; callbacks of different subscriptions don't wait for
// each other's ends. Its subscriptions may outlive it without harm.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_SUBSCRIBERS_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_SUBSCRIBERS_H_

#include <functional>
#include <memory>
#include <vector>

#include "server/common/mutex.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

class Subscribers {
 public:
  std::unique_ptr<Subscription> Add(std::function<void()> callback);

  // Runs every callback once, on this thread.
  void Notify();

 private:
  // One registration. Its mutex is held while the callback runs, so that its end waits for it.
  struct Entry {
    server::Mutex mutex;
    std::function<void()> callback ABSL_GUARDED_BY(mutex);  // empty once it has ended
  };
  using EntryList = std::vector<std::shared_ptr<Entry>>;
  struct Registry {
    server::Mutex mutex;
    // It is replaced, never changed, so that Notify walks it without the lock.
    std::shared_ptr<const EntryList> entries ABSL_GUARDED_BY(mutex);
  };
  class Registration;

  std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_SUBSCRIBERS_H_
