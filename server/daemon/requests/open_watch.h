// Opens the journal that a request names, with a cursor at its place in it: the same over gRPC and
// HTTP. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_OPEN_WATCH_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_OPEN_WATCH_H_

#include <memory>

#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/watch_cursor.h"
#include "server/daemon/security/caller.h"
#include "server/daemon/security/shares.h"

namespace descent::daemon {

// A journal, a cursor at the place from which it is watched, and a place among those who watch.
struct OpenedWatch {
  std::shared_ptr<JobJournal> journal;
  WatchCursor cursor;
  Share place = {};
};

// Opens what `request` asks for, which has been checked. NOT_FOUND suggests the nearest job.
// OUT_OF_RANGE carries both bounds as details (`head_revision`, `compacted_revision`). Does not
// block.
absl::StatusOr<OpenedWatch> OpenWatch(const Jobs& jobs, const Caller& caller,
                                      const v1::WatchJobRequest& request);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_OPEN_WATCH_H_
