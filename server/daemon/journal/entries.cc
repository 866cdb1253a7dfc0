#include "server/daemon/journal/entries.h"

#include "server/daemon/journal/wire.h"

namespace descent::daemon {

bool NextEntry(std::string_view* rest, std::string_view* event) {
  if (rest->empty() || rest->front() != 0x0A) return false;
  rest->remove_prefix(1);
  uint64_t length = 0;
  if (!ReadVarint(rest, &length) || length > rest->size()) return false;
  *event = rest->substr(0, length);
  rest->remove_prefix(length);
  return true;
}

Entries::Iterator::Iterator(const Row& row)
    : batch_(row.kind == v1::ITERATION), done_(false), rest_(row.entries) {
  entry_.kind = row.kind;
  entry_.revision = row.first_revision;
  entry_.iteration = row.first_iteration;
  Take();
}

Entries::Iterator& Entries::Iterator::operator++() {
  ++entry_.revision;
  if (batch_) ++entry_.iteration;
  Take();
  return *this;
}

void Entries::Iterator::Take() {
  const std::string_view from = rest_;
  if (!NextEntry(&rest_, &entry_.event)) {
    done_ = true;
    return;
  }
  entry_.bytes = from.substr(0, from.size() - rest_.size());
}

}  // namespace descent::daemon
