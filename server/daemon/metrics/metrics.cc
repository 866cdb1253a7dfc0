#include "server/daemon/metrics/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/metrics/family.h"
#include "server/daemon/metrics/job_families.h"
#include "server/daemon/metrics/process.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

void Extend(Families more, Families* all) {
  all->insert(all->end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

// Folds the jobs and the journal at the moment of a scrape.
class Daemon final : public prometheus::Collectable {
 public:
  Daemon(const Jobs& jobs, const Journal& journal, const Metrics::Options& options)
      : jobs_(jobs), journal_(journal), options_(options) {}

  Families Collect() const override {
    Families all = JobFamilies(jobs_.Snapshot(LocalCaller()), options_.clock->WallNanos());
    Extend(JobsStatistics(), &all);
    Extend(JournalStatistics(), &all);
    Extend(Transports(), &all);
    Extend(ProcessFamilies(), &all);
    return all;
  }

 private:
  Families JobsStatistics() const {
    const Jobs::Statistics s = jobs_.statistics(LocalCaller());
    const auto number = [](int64_t n) { return static_cast<double>(n); };
    Families families = {
        Sampled(Gauge("descent_workers", "Worker processes connected."), number(s.workers)),
        Sampled(Gauge("descent_spare_workers", "Of these, warm spares without a job."),
                number(s.spares)),
        Sampled(Counter("descent_worker_restarts_total", "Attempts after the first of their job."),
                number(s.worker_restarts)),
        Sampled(Counter("descent_workers_fenced_total",
                        "Workers sent away because another attempt had taken over."),
                number(s.fenced)),
        Sampled(Gauge("descent_workers_held_back",
                      "Workers whose events are not read while too many are not durable yet."),
                number(s.held_back)),
        Sampled(Counter("descent_commands_total", "Command requests accepted."),
                number(s.commands)),
        Sampled(Gauge("descent_queued_jobs", "Jobs that wait for their turn."), number(s.queued)),
        Sampled(Counter("descent_iterations_total",
                        "Iterations of all jobs that are new, since the daemon's start."),
                number(s.iterations)),
    };
    Extend(WorkerFamilies(s.processes), &families);
    return families;
  }

  Families Transports() const {
    auto watchers = Gauge("descent_watchers", "Watchers connected, by transport.");
    auto lag = Gauge("descent_watcher_lag_events",
                     "Durable events that the slowest watcher has not been sent yet.");
    auto connections = Gauge("descent_connections", "Connections open, by transport.");
    auto most = Gauge("descent_connections_limit", "Connections that may be open.");
    auto refused = Counter("descent_connections_refused_total",
                           "Connections and requests turned away because there were too many.");
    for (const auto& [name, transport] : options_.transports()) {
      const Labels labels = {{"transport", name}};
      AddSample(watchers, static_cast<double>(transport.watchers), labels);
      AddSample(lag, static_cast<double>(transport.lag), labels);
      AddSample(connections, static_cast<double>(transport.connections), labels);
      AddSample(most, static_cast<double>(transport.most_connections), labels);
      AddSample(refused, static_cast<double>(transport.refused), labels);
    }
    return {std::move(watchers), std::move(lag), std::move(connections), std::move(most),
            std::move(refused)};
  }

  Families JournalStatistics() const {
    const Journal::Statistics s = journal_.statistics();
    prometheus::MetricFamily commit{"descent_journal_commit_seconds",
                                    "Time of a durable commit of the journal, in seconds.",
                                    prometheus::MetricType::Histogram,
                                    {}};
    prometheus::ClientMetric::Histogram& histogram = commit.metric.emplace_back().histogram;
    histogram.sample_count = static_cast<uint64_t>(s.commits);
    histogram.sample_sum = s.commit_seconds;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < Journal::kCommitBounds.size(); ++i) {
      cumulative += static_cast<uint64_t>(s.commit_counts[i]);
      histogram.bucket.push_back({cumulative, Journal::kCommitBounds[i]});
    }
    return {
        Sampled(Gauge("descent_journal_up",
                      "1 while events can be appended durably; 0 while the disk is full or another "
                      "program has the database locked, and after a failed commit."),
                journal_.health().ok() ? 1 : 0),
        Sampled(Gauge("descent_journal_waits_for_room",
                      "1 while the disk is full: what is to be appended waits, and so do runs once "
                      "their workers can keep no more."),
                GetErrorDetail(journal_.stalled()).reason == reason::kDiskFull ? 1 : 0),
        Sampled(Gauge("descent_journal_damaged_jobs",
                      "Jobs that are out of service because their stored journal is damaged."),
                static_cast<double>(s.damaged_jobs)),
        Sampled(Counter("descent_journal_events_total", "Events appended."),
                static_cast<double>(s.events)),
        Sampled(Counter("descent_journal_written_bytes_total", "Bytes of events appended."),
                static_cast<double>(s.bytes)),
        Sampled(Gauge("descent_journal_size_bytes", "Size of the database file, in bytes."),
                static_cast<double>(s.database_bytes)),
        std::move(commit),
    };
  }

  const Jobs& jobs_;
  const Journal& journal_;
  const Metrics::Options options_;
};

class MetricsImpl final : public Metrics {
 public:
  MetricsImpl(const Jobs& jobs, const Journal& journal, const Options& options)
      : daemon_(jobs, journal, options) {
    prometheus::BuildGauge()
        .Name("descent_build_info")
        .Help("1, with the version of descentd.")
        .Register(registry_)
        .Add({{"version", options.version}})
        .Set(1);
  }

  std::string Scrape() const override {
    Families all = registry_.Collect();
    Extend(daemon_.Collect(), &all);
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  prometheus::Registry registry_;
  const Daemon daemon_;
};

}  // namespace

std::unique_ptr<Metrics> Metrics::Create(const Jobs& jobs, const Journal& journal,
                                         Options options) {
  return std::make_unique<MetricsImpl>(jobs, journal, options);
}

}  // namespace descent::daemon
