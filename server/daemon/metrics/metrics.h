#ifndef DESCENT_SERVER_DAEMON_METRICS_METRICS_H_
#define DESCENT_SERVER_DAEMON_METRICS_METRICS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

// What Prometheus scrapes. Thread-safe. Nothing is counted here: every number is read from the
// jobs, the journal and the system when it is asked for, so a scrape is a fold over the journals.
//
// Series of a job (label `job`, its id) exist while the job is not finished; then they disappear,
// and `descent_jobs{state}` still counts it.
class Metrics {
 public:
  struct Options {
    std::string version;  // of this build, for descent_build_info
    // Watchers connected now, over gRPC and over HTTP.
    std::function<int64_t()> grpc_watchers = [] { return int64_t{0}; };
    std::function<int64_t()> http_watchers = [] { return int64_t{0}; };
  };

  // `jobs` and `journal` must outlive it.
  static std::unique_ptr<Metrics> Create(const Jobs& jobs, const Journal& journal, Options options);

  virtual ~Metrics() = default;

  // In Prometheus' text format, version 0.0.4.
  virtual std::string Scrape() const = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_METRICS_H_
