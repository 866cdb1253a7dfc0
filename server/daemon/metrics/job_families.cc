#include "server/daemon/metrics/job_families.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "proto/rules/names.h"
#include "proto/rules/states.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/metrics/family.h"

namespace descent::daemon {
namespace {

// A damaged job may have no state that anybody knows.
std::string StateLabel(v1::JobState state) {
  if (state == v1::JOB_STATE_UNSPECIFIED) return "unknown";
  return absl::AsciiStrToLower(v1::JobState_Name(state));
}

// Gives `mnist` of `jobs/mnist`.
std::string IdOf(const v1::Job& job) {
  constexpr std::string_view kPrefix = rules::kJobCollection;
  return job.name().starts_with(kPrefix) ? job.name().substr(kPrefix.size()) : job.name();
}

double ToSeconds(uint64_t unix_nanos) { return static_cast<double>(unix_nanos) / 1e9; }

// Chooses the jobs whose series are shown, and counts how many there are of each state.
class Chosen {
 public:
  Chosen(const std::vector<v1::Job>& jobs, int64_t wall_nanos) {
    std::vector<const v1::Job*> unfinished;
    std::vector<const v1::Job*> finished;
    for (const v1::Job& job : jobs) {
      if (v1::JobState_IsValid(job.state())) ++counts_[job.state()];
      if (!rules::IsFinal(job.state())) {
        unfinished.push_back(&job);
      } else if (wall_nanos - static_cast<int64_t>(job.end_time_unix_nanos()) < kEndedNanos) {
        finished.push_back(&job);
      }
    }
    Take(std::move(unfinished), kMostUnfinished, [](const v1::Job* job) {
      return std::pair(job->state() != v1::QUEUED, job->create_time_unix_nanos());
    });
    Take(std::move(finished), kMostFinished,
         [](const v1::Job* job) { return job->end_time_unix_nanos(); });
  }

  const std::vector<const v1::Job*>& jobs() const { return jobs_; }
  int64_t count(int state) const { return counts_[static_cast<size_t>(state)]; }
  // How many would be shown if there was no limit.
  int64_t left_out() const { return left_out_; }

 private:
  // So long after its end a job is shown: a scraper that comes once a minute, and fails now and
  // then, sees each end.
  static constexpr int64_t kEndedNanos = int64_t{15} * 60 * 1'000'000'000;
  static constexpr size_t kMostUnfinished = 1000;
  static constexpr size_t kMostFinished = Jobs::kMostRecent;

  // Takes the first so many by `key`, the greatest first.
  template <class Key>
  void Take(std::vector<const v1::Job*> from, size_t most, Key key) {
    const size_t count = std::min(most, from.size());
    std::partial_sort(from.begin(), from.begin() + static_cast<ptrdiff_t>(count), from.end(),
                      [&](const v1::Job* a, const v1::Job* b) { return key(a) > key(b); });
    jobs_.insert(jobs_.end(), from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
    left_out_ += static_cast<int64_t>(from.size() - count);
  }

  std::vector<const v1::Job*> jobs_;
  std::array<int64_t, v1::JobState_ARRAYSIZE> counts_ = {};
  int64_t left_out_ = 0;
};

// Says how many of what people name (dials, series, metrics) are shown.
class NamedLimit {
 public:
  // Gives how many of a job's are, the first.
  template <class Items>
  int FirstOf(const Items& items) {
    const int count = std::min({items.size(), Jobs::kMostShown, left_});
    left_ -= count;
    left_out_ += items.size() - count;
    return count;
  }
  int64_t left_out() const { return left_out_; }

 private:
  int left_ = kMostNamed;
  int64_t left_out_ = 0;
};

}  // namespace

std::vector<prometheus::MetricFamily> JobFamilies(const std::vector<v1::Job>& jobs,
                                                  int64_t wall_nanos) {
  auto info = Gauge("descent_job_info", "1 for each job, with its display name and state.");
  auto by_state = Gauge("descent_job_state", "1 for the state that the job is in, 0 for others.");
  auto reason = Gauge("descent_job_status_reason",
                      "1 for the reason that a job has failed for; of failed jobs.");
  auto stalled = Gauge("descent_job_stalled",
                       "1 while nothing moves in the job, for want of room or the like; of "
                       "unfinished jobs.");
  auto created = Gauge("descent_job_create_timestamp_seconds",
                       "When the job was submitted, in seconds since 1970.");
  auto ended = Gauge("descent_job_end_timestamp_seconds",
                     "When the job ended, in seconds since 1970; of finished jobs.");
  auto value = Gauge("descent_job_value", "Value of the objective at the job's last iteration.");
  auto gradient_norm =
      Gauge("descent_job_gradient_norm", "Euclidean norm of the gradient at the last iteration.");
  auto step_size = Gauge("descent_job_step_size", "Step size of the last step.");
  auto series = Gauge("descent_job_series",
                      "Other named values of the last iteration: of a system's players, of the "
                      "parts of a loss.");
  auto iterations = Counter("descent_job_iterations_total", "Steps done.");
  auto examples = Counter("descent_job_examples_total", "Examples consumed.");
  auto computing = Counter("descent_job_computing_seconds_total",
                           "Computing time over all attempts, pauses excluded, in seconds.");
  auto epoch = Gauge("descent_job_epoch", "Passes over the training data so far, with fraction.");
  auto dial = Gauge("descent_job_dial", "Present value of each dial.");
  auto metric = Gauge("descent_job_evaluation", "Metrics of the last evaluation, by data set.");
  auto evaluated =
      Gauge("descent_job_evaluation_iteration", "The iteration that was evaluated last.");
  auto attempts = Counter("descent_job_attempts_total", "Launches of a worker for the job.");
  auto counts = Gauge("descent_jobs", "Jobs by state.");
  auto unshown_jobs = Gauge("descent_unshown_jobs",
                            "Jobs that have no series of their own, as there would be too many.");
  auto unshown_series = Gauge("descent_unshown_series",
                              "Dials, named series and metrics of the jobs that are shown that are "
                              "left out, as there would be too many.");

  NamedLimit named;
  const Chosen chosen(jobs, wall_nanos);
  for (const v1::Job* shown : chosen.jobs()) {
    const v1::Job& job = *shown;
    const std::string id = IdOf(job);
    const Labels labels = {{"job_name", id}};
    AddSample(info, 1,
              {{"job_name", id},
               {"display_name", job.display_name()},
               {"state", StateLabel(job.state())}});
    for (int state = v1::QUEUED; state <= v1::FAILED; ++state) {
      AddSample(by_state, job.state() == state ? 1 : 0,
                {{"job_name", id}, {"state", StateLabel(static_cast<v1::JobState>(state))}});
    }
    if (job.state() == v1::FAILED) {
      // A program of somebody's own need not give one.
      const std::string why = job.error_reason().empty() ? "UNKNOWN" : job.error_reason();
      AddSample(reason, 1, {{"job_name", id}, {"reason", why}});
    }
    if (!rules::IsFinal(job.state())) {
      AddSample(stalled, job.stalled().empty() ? 0 : 1, labels);
    }
    if (job.create_time_unix_nanos() > 0) {
      AddSample(created, ToSeconds(job.create_time_unix_nanos()), labels);
    }
    if (rules::IsFinal(job.state())) AddSample(ended, ToSeconds(job.end_time_unix_nanos()), labels);
    AddSample(attempts, job.attempt(), labels);
    std::set<std::string_view> dials;
    const int shown_dials = named.FirstOf(job.dials());
    for (int i = 0; i < shown_dials; ++i) {
      if (!dials.insert(job.dials(i).path()).second) continue;
      AddSample(dial, job.dials(i).value(), {{"job_name", id}, {"path", job.dials(i).path()}});
    }
    if (job.has_last_evaluation()) {
      const v1::Evaluated& last = job.last_evaluation();
      AddSample(evaluated, static_cast<double>(last.iteration()),
                {{"job_name", id}, {"dataset", last.dataset()}});
      std::set<std::string_view> seen;
      const int shown_metrics = named.FirstOf(last.metrics());
      for (int i = 0; i < shown_metrics; ++i) {
        // A matrix is no gauge.
        if (!last.metrics(i).values().empty() || last.metrics(i).size() > 0) continue;
        if (!seen.insert(last.metrics(i).name()).second) continue;
        AddSample(
            metric, last.metrics(i).value(),
            {{"job_name", id}, {"dataset", last.dataset()}, {"metric", last.metrics(i).name()}});
      }
    }
    if (!job.has_last_iteration()) continue;
    const v1::Iteration& last = job.last_iteration();
    AddSample(value, last.value(), labels);
    AddSample(gradient_norm, last.gradient_norm(), labels);
    if (last.has_step_size()) AddSample(step_size, last.step_size(), labels);
    const int shown_series = std::min(named.FirstOf(job.series()), last.scalars_size());
    for (int i = 0; i < shown_series; ++i) {
      if (!dials.insert(job.series(i)).second) continue;  // shown above
      AddSample(series, last.scalars(i), {{"job_name", id}, {"series", job.series(i)}});
    }
    AddSample(iterations, static_cast<double>(last.index()), labels);
    AddSample(examples, static_cast<double>(last.samples()), labels);
    AddSample(computing, last.elapsed_seconds(), labels);
    AddSample(epoch, last.epoch(), labels);
  }
  for (int state = v1::QUEUED; state <= v1::FAILED; ++state) {
    AddSample(counts, static_cast<double>(chosen.count(state)),
              {{"state", StateLabel(static_cast<v1::JobState>(state))}});
  }
  if (const int64_t unknown = chosen.count(v1::JOB_STATE_UNSPECIFIED); unknown > 0) {
    AddSample(counts, static_cast<double>(unknown),
              {{"state", StateLabel(v1::JOB_STATE_UNSPECIFIED)}});
  }

  AddSample(unshown_jobs, static_cast<double>(chosen.left_out()));
  AddSample(unshown_series, static_cast<double>(named.left_out()));

  std::vector<prometheus::MetricFamily> families;
  for (prometheus::MetricFamily* family :
       {&counts,   &info,         &by_state,      &reason,    &stalled, &created,
        &ended,    &value,        &gradient_norm, &step_size, &series,  &iterations,
        &examples, &computing,    &epoch,         &dial,      &metric,  &evaluated,
        &attempts, &unshown_jobs, &unshown_series}) {
    if (!family->metric.empty()) families.push_back(std::move(*family));
  }
  return families;
}

}  // namespace descent::daemon
