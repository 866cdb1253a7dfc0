// `JobsService` is the implementation of Jobs: all jobs of one folder, their queue, and the workers
// that run them. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_JOBS_SERVICE_H_
#define DESCENT_SERVER_DAEMON_JOBS_SERVICE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/common/executor.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/datasets/store.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/launch/launcher.h"

namespace descent::daemon {

class JobsService : public Jobs {
 public:
  struct Options {
    std::string data_dir;  // exists; jobs/, workers/ and worker.key are made in it
    std::string socket;    // where workers find the daemon; the same after a restart
    int max_running_jobs = 1;
    double worker_lease_seconds = 10;
    // These are as Supervisor::Options'.
    int max_validations = 4;
    double validation_seconds = 300;
    std::function<int64_t()> max_guests = [] { return std::numeric_limits<int64_t>::max(); };
    // What specs may name; must outlive it. Null: there are no datasets.
    DatasetStore* datasets = nullptr;
    // So many jobs are kept, those that are over included; and so many may wait, run or be paused,
    // of which those of one owner have three quarters at most.
    int64_t max_jobs = 100'000;
    int64_t max_unfinished_jobs = 1000;
    // So many parameters a job's model may have.
    int64_t max_parameters = std::numeric_limits<int64_t>::max();
    // No job is made while less than this, in bytes, is free on the disk of data_dir.
    int64_t min_free_disk = 0;
    // True if folders of jobs beside an empty store are no reason not to begin.
    bool new_store = false;
    // Where files are looked at; if null, on threads of the service's own.
    std::shared_ptr<server::Executor> files = nullptr;
    // Where the store is read; if null, on threads of the service's own.
    std::shared_ptr<server::Executor> store = nullptr;
    // What may be in memory of jobs that are over, besides what is asked for again and again.
    int64_t cache_bytes = 16 << 20;
    // What is told of deletions; null: nobody is.
    AuditLog* audit = nullptr;
    // The SHA-256 of a file, as FileDigest; none: FileSha256.
    std::function<std::string(const std::string& path)> digest = nullptr;
  };

  // Loads every job from the journal, listens for workers, takes up what was under way. `journal`,
  // `launcher`, `clock` and what the options name must outlive it.
  static absl::StatusOr<std::unique_ptr<JobsService>> Open(const Options& options, Journal* journal,
                                                           Launcher* launcher,
                                                           const server::Clock* clock);

  // Asks every worker to save a checkpoint and leave, and waits for it until the deadline. Blocks.
  // Afterwards nothing is started any more; reading still works.
  virtual void Shutdown(std::chrono::steady_clock::time_point deadline) = 0;

  // OK, or why no worker can be launched at present.
  virtual absl::Status launching() const = 0;

  // Destroyed without Shutdown, it lets workers train on, who find the next daemon of this folder.
  ~JobsService() override = default;

  // Looks at the clock again: for tests that turned it.
  virtual void Wake() = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_SERVICE_H_
