// An `AttemptHost` is what the jobs are to the supervisor: whom it asks and tells of workers that
// run an attempt, or want to. OnEvents is called on gRPC's threads, the rest on the loop.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_ATTEMPT_HOST_H_
#define DESCENT_SERVER_DAEMON_WORKERS_ATTEMPT_HOST_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/daemon/workers/session.h"
#include "server/daemon/workers/worker.h"

namespace descent::daemon {

class AttemptHost {
 public:
  virtual ~AttemptHost() = default;

  // A program wants to run this job (`jobs/{job}`), and brings this secret. With OK it may wait for
  // the job; with an error it is refused, for that reason, which must not tell whether there is
  // such a job.
  virtual absl::Status OnProgram(const std::string& job, const std::string& secret) = 0;

  // Takes a batch of an assigned worker, or refuses it: if it is of an old attempt, the host fences
  // the worker. `taken` is called then, before this returns, or on the loop if the batch must be
  // compared with the store first; what is told of the worker meanwhile counts after the batch.
  // `resume` lets the worker's next message be read; it is called after that, once there is room
  // for more, on any thread.
  virtual void OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                        const std::function<void()>& taken,
                        const SessionHandler::Resume& resume) = 0;

  // A worker says that it runs an attempt, because the daemon, or its connection, was gone for a
  // while. With Welcome the attempt is current and goes on with this worker; with an error the
  // worker is fenced, for that reason.
  virtual absl::StatusOr<worker::v1::Welcome> OnReconnect(const WorkerPtr& worker,
                                                          const worker::v1::Hello& hello) = 0;

  // An assigned worker is alive and wants to know what is durable.
  virtual void OnHeartbeat(const WorkerPtr& worker) = 0;

  // What an assigned worker sent, or was sent, can't be parsed; `problem` is a sentence without its
  // full stop. It belonged to this request, or, if that is empty, to the attempt as a whole.
  virtual void OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                            const std::string& request_id) = 0;

  // An assigned worker said Hello again as one that runs no attempt: it never saw Start.
  virtual void OnUnstarted(const WorkerPtr& worker) = 0;

  // An assigned worker has died or was silent for a lease; `cause` is a sentence without its full
  // stop. It is called once a worker, and not for fenced ones. `clean` says that it exited with
  // status 0.
  virtual void OnLost(const WorkerPtr& worker, const std::string& cause, bool clean) = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_ATTEMPT_HOST_H_
