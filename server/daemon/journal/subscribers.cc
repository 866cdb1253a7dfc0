#include "server/daemon/journal/subscribers.h"

#include <algorithm>
#include <utility>

namespace descent::daemon {

using server::MutexLock;

class Subscribers::Registration : public Subscription {
 public:
  Registration(std::shared_ptr<Registry> registry, std::shared_ptr<Entry> entry)
      : registry_(std::move(registry)), entry_(std::move(entry)) {}

  ~Registration() override {
    {
      MutexLock lock(registry_->mutex);
      auto entries = std::make_shared<EntryList>(*registry_->entries);
      std::erase(*entries, entry_);
      registry_->entries = std::move(entries);
    }
    std::function<void()> callback;  // what it holds is destroyed without the lock
    MutexLock lock(entry_->mutex);   // waits for a callback that runs
    callback.swap(entry_->callback);
  }

 private:
  const std::shared_ptr<Registry> registry_;
  const std::shared_ptr<Entry> entry_;
};

std::unique_ptr<Subscription> Subscribers::Add(std::function<void()> callback) {
  auto entry = std::make_shared<Entry>();
  {
    MutexLock lock(entry->mutex);
    entry->callback = std::move(callback);
  }
  MutexLock lock(registry_->mutex);
  auto entries = registry_->entries == nullptr ? std::make_shared<EntryList>()
                                               : std::make_shared<EntryList>(*registry_->entries);
  entries->push_back(entry);
  registry_->entries = std::move(entries);
  return std::make_unique<Registration>(registry_, std::move(entry));
}

void Subscribers::Notify() {
  std::shared_ptr<const EntryList> entries;
  {
    MutexLock lock(registry_->mutex);
    entries = registry_->entries;
  }
  if (entries == nullptr) return;
  for (const std::shared_ptr<Entry>& entry : *entries) {
    MutexLock lock(entry->mutex);
    if (entry->callback) entry->callback();
  }
}

}  // namespace descent::daemon
