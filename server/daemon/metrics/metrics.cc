#include "server/daemon/metrics/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/metrics/data_folder.h"
#include "server/daemon/metrics/family.h"
#include "server/daemon/metrics/job_families.h"
#include "server/daemon/metrics/process.h"
#include "server/daemon/metrics/request_families.h"
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
      : jobs_(jobs), journal_(journal), options_(options) {
    if (!options.data_dir.empty()) {
      folder_ = std::make_unique<DataFolder>(options.data_dir, options.clock);
    }
  }

  Families Collect() const override {
    Families all = JobFamilies(jobs_.Snapshot(LocalCaller()), options_.clock->WallNanos());
    Extend(JobsStatistics(), &all);
    Extend(JournalStatistics(), &all);
    Extend(Readiness(), &all);
    Extend(TransportFamilies(options_.transports()), &all);
    if (options_.http_answered != nullptr) {
      all.push_back(HttpFamily(options_.http_answered->counts()));
    }
    if (options_.access != nullptr) Extend(AccessFamilies(options_.access->statistics()), &all);
    if (folder_ != nullptr) Extend(folder_->Families(), &all);
    Extend(ProcessFamilies(), &all);
    std::erase_if(all, [](const prometheus::MetricFamily& family) {
      return family.metric.empty();  // a head without samples says nothing
    });
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
        Sampled(Counter("descent_commands_applied_total",
                        "Command requests of which the run said that they are in force."),
                number(s.commands_applied)),
        Sampled(Counter("descent_commands_rejected_total",
                        "Command requests that were accepted, and rejected by the run."),
                number(s.commands_rejected)),
        Sampled(Gauge("descent_queued_jobs", "Jobs that wait for their turn."), number(s.queued)),
        Sampled(Counter("descent_iterations_total",
                        "Iterations of all jobs that are new, since the daemon's start."),
                number(s.iterations)),
    };
    auto losses =
        Counter("descent_worker_losses_total", "Workers lost, with a job or without one, by how.");
    for (const auto& [reason, count] : s.losses) {
      AddSample(losses, number(count), {{"reason", reason}});
    }
    families.push_back(std::move(losses));
    Extend(WorkerFamilies(s.processes), &families);
    return families;
  }

  Families JournalStatistics() const {
    const Journal::Statistics s = journal_.statistics();
    auto commit = Histogram("descent_journal_commit_seconds",
                            "Time of a durable commit of the journal, in seconds.");
    AddHistogram(commit, Journal::kCommitBounds, s.commit_counts, s.commit_seconds);
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

  // What /readyz says, and what it says of the certificate before that.
  Families Readiness() const {
    const absl::Status ready = options_.readiness();
    Families families = {Sampled(
        Gauge("descent_ready", "1 while the daemon can do all of its work, as /readyz says."),
        ready.ok() ? 1 : 0)};
    if (!ready.ok()) {
      const std::string why = GetErrorDetail(ready).reason;
      families.push_back(Sampled(
          Gauge("descent_ready_status_reason", "1 for the reason that the daemon isn't ready for."),
          1, {{"reason", why.empty() ? "UNKNOWN" : why}}));
    }
    if (options_.certificate_end) {
      families.push_back(
          Sampled(Gauge("descent_tls_certificate_expiration_timestamp_seconds",
                        "When the certificate that is in force ends, in seconds since 1970."),
                  options_.certificate_end()));
    }
    return families;
  }

  const Jobs& jobs_;
  const Journal& journal_;
  const Metrics::Options options_;
  std::unique_ptr<DataFolder> folder_;  // null: nothing is said of a folder
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
