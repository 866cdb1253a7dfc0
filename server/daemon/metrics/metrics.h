// `Metrics` is what Prometheus scrapes. Nothing is counted here: every number is read from the
// jobs, the journal, the ways in and the system when it is asked for.
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

#include "absl/status/status.h"
#include "server/common/clock.h"
#include "server/common/tally.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/security/access.h"

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
    std::map<std::string, RequestCounts::Method, std::less<>> requests = {};
  };

  struct Options {
    std::string version;  // of this build, for descent_build_info
    // Gives each way in (`grpc`, `http`); it is asked at every scrape.
    std::function<std::map<std::string, Transport>()> transports = [] {
      return std::map<std::string, Transport>();
    };
    // What /readyz says.
    std::function<absl::Status()> readiness = [] { return absl::OkStatus(); };
    // Gives when the certificate in force ends, in seconds since 1970; null: there is none.
    std::function<double()> certificate_end = nullptr;
    const Access* access = nullptr;                   // null: everybody is let in
    const server::Tally<3>* http_answered = nullptr;  // HttpServer::Options'
    std::string data_dir = {};  // the daemon's folder; empty: nothing is said of it
    const server::Clock* clock = server::Clock::Real();
  };

  // `jobs` and `journal` must outlive it, and what the options name.
  static std::unique_ptr<Metrics> Create(const Jobs& jobs, const Journal& journal, Options options);

  virtual ~Metrics() = default;

  // Gives all in Prometheus' text format, version 0.0.4.
  virtual std::string Scrape() const = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_METRICS_METRICS_H_
