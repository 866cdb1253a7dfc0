// `JobCounts` are what has become durable of all jobs since the daemon's start, in figures.
// Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_JOBS_JOB_COUNTS_H_
#define DESCENT_SERVER_DAEMON_JOBS_JOB_COUNTS_H_

#include <atomic>
#include <cstdint>

#include "server/daemon/jobs/appender.h"

namespace descent::daemon {

struct JobCounts {
  std::atomic<int64_t> iterations = 0;
  std::atomic<int64_t> commands_applied = 0;  // requests, each of one command or several
  std::atomic<int64_t> commands_rejected = 0;

  void Add(const Commit& commit) {
    if (commit.iterations > 0) iterations.fetch_add(commit.iterations, std::memory_order_relaxed);
    if (commit.only_iterations) return;
    for (const v1::Event& event : commit.events) {
      if (event.has_command_applied()) ++commands_applied;
      if (event.has_command_rejected()) ++commands_rejected;
    }
  }
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_JOB_COUNTS_H_
