// The events in a row of a journal, one by one. Not thread-safe.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_ENTRIES_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_ENTRIES_H_

#include <cstdint>
#include <iterator>
#include <string_view>

#include "descent/v1/event.pb.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

// One event of a row. The views point into the row.
struct Entry {
  int64_t revision = 0;
  v1::EventKind kind = v1::EVENT_KIND_UNSPECIFIED;
  // For an ITERATION its index; else the iteration that the event concerns, or −1.
  int64_t iteration = -1;
  std::string_view event;  // a serialized descent.v1.Event
  std::string_view bytes;  // the same with tag and length, as an entry of WatchJobResponse.events
};

// Takes the next entry (tag, length, event) off the front of `rest` and gives the event's bytes.
// False at the end, or if what follows is not an entry.
bool NextEntry(std::string_view* rest, std::string_view* event);

// Goes through the events of a row in order, hopping from length to length: nothing is parsed.
//
//   for (const Entry& entry : Entries(*row)) ...
//
// The row must outlive it. It ends early at bytes that are no entry (a damaged store).
class Entries {
 public:
  explicit Entries(const Row& row) : row_(row) {}

  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(const Row& row);
    const Entry& operator*() const { return entry_; }
    const Entry* operator->() const { return &entry_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return done_; }

   private:
    void Take();

    bool batch_ = false;  // in an ITERATION row the index counts along
    bool done_ = true;
    std::string_view rest_;
    Entry entry_;
  };

  Iterator begin() const { return Iterator(row_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  const Row& row_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_ENTRIES_H_
