// `WatchService` serves TrainingService.WatchJob to any number of watchers. Thread-safe.
//
// The bytes of the journal's rows go to each watcher's socket as they are: a message is a list of
// slices that share them. A watcher has one message in flight and asks for the next one when gRPC
// has taken that over, so one that never reads holds that one message and delays nobody.
//
// Three kinds of threads meet in a watcher: the journal's writer only says that there is news; the
// `live` loop and gRPC's own threads send what is in memory; the `readers` read the store for those
// that lag behind. At any time at most one of them works for one watcher. Those who have caught up
// are sent news at a common pace (pace.h).
#ifndef DESCENT_SERVER_DAEMON_API_WATCH_H_
#define DESCENT_SERVER_DAEMON_API_WATCH_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/common/executor.h"
#include "server/common/loop.h"
#include "server/common/mutex.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/api/pace.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class Watcher;

class WatchService {
 public:
  // `clock`, and what `callers` asks, must outlive it.
  WatchService(Requests requests, Callers callers, int reader_threads, const server::Clock* clock);
  // Waits until the last watcher is done; the gRPC server must have been shut down.
  ~WatchService();

  // Gives the reaction to a call. `request` is a serialized WatchJobRequest.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(const absl::StatusOr<Caller>& caller,
                                                    const grpc::ByteBuffer* request);

  // Ends every watch with `status`, now and from now on.
  void EndAll(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t watchers() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many durable events the slowest of them has not been given yet.
  int64_t lag() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class Watcher;

  absl::StatusOr<std::shared_ptr<Watcher>> Admit(const absl::StatusOr<Caller>& caller,
                                                 const grpc::ByteBuffer& request)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Runs once a period: tells silent watchers how far they are, and ends the watches of those who
  // would not be let in any longer.
  void Announce() ABSL_LOCKS_EXCLUDED(mutex_);

  // A caught-up watcher sends now; gives when it may send again.
  int64_t NextTurn(int64_t* pace_window);

  // Forgets a watcher, as its last act.
  void Forget(Watcher* watcher) ABSL_LOCKS_EXCLUDED(mutex_);

  const Requests requests_;
  const Callers callers_;
  const server::Clock* const clock_;
  Pace pace_;
  mutable server::Mutex mutex_;
  server::CondVar none_left_;  // when watchers_ is empty
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
  std::set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
  // These are last: their threads use what is above.
  server::Executor readers_;
  server::Loop live_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_WATCH_H_
