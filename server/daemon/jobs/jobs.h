// `Jobs` are all jobs of this daemon as the API sees them: requests/ and metrics/ are written
// against it. Every method is told who asks. Thread-safe. Nothing here blocks but Get and List,
// which read the store for jobs that are over; what takes time answers through a callback, which
// runs on a thread of the jobs' own, exactly once, and must not block.
//
// Errors are absl::Status with the details of //proto:rpc_status: ErrorInfo.reason and field
// violations.
#ifndef DESCENT_SERVER_DAEMON_JOBS_JOBS_H_
#define DESCENT_SERVER_DAEMON_JOBS_JOBS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// Whoever takes the answers of a prediction. It is called on a thread of the jobs' own, never
// within Jobs::Predict; must not block.
class PredictionSink {
 public:
  virtual ~PredictionSink() = default;
  // Takes a response, in order. No more of them than a few are under way that Prediction::Taken was
  // not called for.
  virtual void OnResponse(v1::PredictJobResponse response) = 0;
  // Called exactly once, as the last; unless the Prediction was gone before.
  virtual void OnEnd(const absl::Status& status) = 0;
};

// A prediction that was asked for, and ends with this object. Thread-safe.
class Prediction {
 public:
  virtual ~Prediction() = default;
  // A response was passed on, so there is room for another.
  virtual void Taken() = 0;
};

class Jobs {
 public:
  virtual ~Jobs() = default;

  template <class T>
  using Callback = std::function<void(absl::StatusOr<T>)>;

  // Says that nobody waits for the answer any more (the client has gone, its deadline has passed):
  // what is done for it alone ends, and `done` is not called. It may be called from any thread, at
  // any time, any number of times; it must not outlive the jobs.
  using Cancel = std::function<void()>;

  // These are TrainingService.CreateJob, ValidateSpec, DeleteJob, CommandJob as documented in
  // proto/descent/v1/training_service.proto. The caller's principal goes into the journal, and
  // principals take turns in having specs validated. A creation that is cancelled before there is a
  // job gives its job_id back; the same request may be made again.
  virtual Cancel Create(const Caller& caller, const v1::CreateJobRequest& request,
                        Callback<v1::Job> done) = 0;
  virtual Cancel Validate(const Caller& caller, const v1::ValidateSpecRequest& request,
                          Callback<v1::ValidateSpecResponse> done) = 0;
  virtual void Delete(const Caller& caller, const v1::DeleteJobRequest& request,
                      Callback<v1::DeleteJobResponse> done) = 0;
  // The request stays accepted when the caller goes away: `done` may run long after.
  virtual void Command(const Caller& caller, const v1::CommandJobRequest& request,
                       Callback<v1::CommandJobResponse> done) = 0;

  // This is TrainingService.PredictJob; principals take turns. The result must not outlive the
  // jobs.
  virtual std::unique_ptr<Prediction> Predict(const Caller& caller,
                                              const v1::PredictJobRequest& request,
                                              std::shared_ptr<PredictionSink> sink) = 0;

  // Says whose a job is. NOT_FOUND names the job. Whether a caller may do something with it is
  // asked before, by Requests; only what was asked for before, by its request_id, the jobs keep
  // from others themselves: PERMISSION_DENIED (`NOT_YOURS`).
  virtual absl::StatusOr<Ownership> OwnershipOf(const std::string& name) const = 0;

  // Give the fold of the journal's durable events. They block for a moment, so they are not for
  // gRPC's threads.
  virtual absl::StatusOr<v1::Job> Get(const Caller& caller, const std::string& name) const = 0;
  virtual absl::StatusOr<v1::ListJobsResponse> List(const Caller& caller,
                                                    const v1::ListJobsRequest& request) const = 0;
  // Of the jobs that are over, so many that ended last are kept with so many of their dials, series
  // and metrics, the first ones; the others with what List filters by.
  static constexpr size_t kMostRecent = 100;
  static constexpr int kMostShown = 100;
  // Gives every job as it is kept, without spec and summary: for metrics, and to name what was
  // meant.
  virtual std::vector<v1::Job> Snapshot(const Caller& caller) const = 0;

  // Gives the journal to watch. NOT_FOUND names the job.
  virtual absl::StatusOr<std::shared_ptr<JobJournal>> OpenJournal(
      const Caller& caller, const std::string& name) const = 0;

  // A worker's process on this machine.
  struct WorkerProcess {
    std::string id;
    int64_t pid = 0;
    int64_t start_ticks = 0;  // tells it from a later one of the same number: /proc/PID/stat
    std::string job;          // the job's id; empty for a spare
  };

  struct Statistics {
    int64_t workers = 0;  // live worker sessions
    int64_t spares = 0;   // of these, warm spares
    int64_t worker_restarts = 0;
    int64_t commands = 0;
    int64_t fenced = 0;
    int64_t queued = 0;
    int64_t held_back = 0;   // workers that wait for the disk
    int64_t iterations = 0;  // new ones of all jobs, since the daemon's start
    // Of the requests that were accepted, since then.
    int64_t commands_applied = 0;
    int64_t commands_rejected = 0;
    // Workers lost since then, by how: as Supervisor::losses: all are there, also as 0.
    std::map<std::string, int64_t> losses = {};
    std::vector<WorkerProcess> processes = {};
  };
  virtual Statistics statistics(const Caller& caller) const = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_JOBS_H_
