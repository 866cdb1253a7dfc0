// A `StoreSnapshot` is a store as it is at one moment: it can be read and copied while a daemon
// goes on writing (`descentd backup`). The store's log can't be emptied as long as one is held. It
// is used by one thread at a time.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_SNAPSHOT_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_SNAPSHOT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"

namespace descent::daemon {

class StoreSnapshot {
 public:
  // Opens the store with this database; writes nothing. NOT_FOUND if there is none,
  // FAILED_PRECONDITION if it is of another version, DATA_LOSS if its tables are damaged.
  static absl::StatusOr<std::unique_ptr<StoreSnapshot>> Open(const std::string& path);
  virtual ~StoreSnapshot() = default;

  // From now on this is the store as it is now. Takes microseconds. It comes before all else.
  virtual absl::Status Take() = 0;

  // Calls `take` with every event of these kinds, other than ITERATION, of all jobs that have a
  // name: job by job, in order of revisions. What can't be read of them is left out: CheckStore
  // finds that.
  using TakeEvent = std::function<void(const std::string& job_id, const v1::Event& event)>;
  virtual absl::Status ReadEvents(const std::vector<v1::EventKind>& kinds,
                                  const TakeEvent& take) = 0;

  // Copies the database to a new file, which is one file, without a log. `progress` is called with
  // how much of it is copied, in percent. On error what there is of the file is rubbish.
  virtual absl::Status CopyTo(const std::string& path,
                              const std::function<void(int64_t percent)>& progress) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_SNAPSHOT_H_
