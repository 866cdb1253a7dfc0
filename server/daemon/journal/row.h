// A `Row` is one stored piece of a journal: events with contiguous revisions. It is immutable once
// committed, so that any number of watchers share it without a copy.
//
// A row of kind ITERATION holds a batch: iteration events contiguous in revision and in index, on
// one branch. A row of any other kind holds exactly one event.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_ROW_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_ROW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"

namespace descent::daemon {

struct Row {
  v1::EventKind kind = v1::EVENT_KIND_UNSPECIFIED;
  int64_t first_revision = 0;
  int64_t last_revision = 0;
  // For an ITERATION row, the indices of its first and last event; for others, the iteration that
  // the event concerns, or −1.
  int64_t first_iteration = -1;
  int64_t last_iteration = -1;
  int32_t branch = 0;
  // For a command's events, the request that they are of. It is for the writer; rows that were read
  // leave it out.
  std::string request_id;
  // The events, each as an entry of `repeated Event events = 1` on the wire (0x0A, length, bytes),
  // so that the whole string is a valid serialized WatchJobResponse.
  std::string entries;
};

using RowPtr = std::shared_ptr<const Row>;

// Gives the bytes of the iterations among the rows: what a journal's retention bounds.
inline int64_t IterationBytes(const std::vector<RowPtr>& rows) {
  int64_t bytes = 0;
  for (const RowPtr& row : rows) {
    if (row->kind == v1::ITERATION) bytes += static_cast<int64_t>(row->entries.size());
  }
  return bytes;
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_ROW_H_
