// `Metrics` is what Prometheus scrapes. Nothing is counted here: every number is read from the
// jobs, the journal and the system when it is asked for, so a scrape is a fold over the journals.
// Thread-safe.
//
// Series of a job bear the label `job_name`, its id (`job` is the scraper's own label). They exist
// while the job is not finished and for 15 minutes after, so that an alert can name a job that has
// failed; `descent_jobs{state}` counts all. job_families.h says what bounds their number.
#ifndef DESCENT_SERVER_DAEMON_METRICS_METRICS_H_
#define DESCENT_SERVER_DAEMON_METRICS_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "server/common/clock.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

class Metrics {
 public:
  // How many are connected by one way in.
  struct Transport {
    int64_t connections = 0;
    int64_t most_connections = 0;
    int64_t refused = 0;  // since the start
    int64_t watchers = 0;
    int64_t lag = 0;  // durable events that the slowest watcher has not been given
  };

  struct Options {
    std::string version;  // of this build, for descent_build_info
    // Gives each way in (`grpc`, `http`); it is asked at every scrape.
    std::function<std::map<std::string, Transport>()> transports = [] {
      return std::map<std::string, Transport>();
    };
    const server::Clock* clock = server::Clock::Real();
  };

  // `jobs` and `journal` must outlive it.
  static std::unique_ptr<Metrics> Create(const Jobs& jobs, const Journal& journal, Options options);

  virtual ~Metrics() = default;

  // Gives all in Prometheus' text format, version 0.0.4.
  virtual std::string Scrape() const = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_METRICS_H_
