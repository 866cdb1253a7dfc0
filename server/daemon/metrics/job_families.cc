#include "server/daemon/metrics/job_families.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "server/daemon/metrics/family.h"

namespace descent::daemon {
namespace {

bool IsFinished(v1::JobState state) {
  return state == v1::SUCCEEDED || state == v1::STOPPED || state == v1::FAILED;
}

std::string StateLabel(v1::JobState state) {
  return absl::AsciiStrToLower(v1::JobState_Name(state));
}

// `jobs/mnist` → `mnist`
std::string IdOf(const v1::Job& job) {
  constexpr std::string_view kPrefix = "jobs/";
  return job.name().rfind(kPrefix, 0) == 0 ? job.name().substr(kPrefix.size()) : job.name();
}

}  // namespace

std::vector<prometheus::MetricFamily> JobFamilies(const std::vector<v1::Job>& jobs) {
  auto info = Gauge("descent_job_info",
                    "1 for each job that is not finished, with its display name and state.");
  auto value = Gauge("descent_job_value", "Value of the objective at the job's last iteration.");
  auto gradient_norm =
      Gauge("descent_job_gradient_norm", "Euclidean norm of the gradient at the last iteration.");
  auto step_size = Gauge("descent_job_step_size", "Step size of the last step.");
  auto iterations = Counter("descent_job_iterations_total", "Steps done.");
  auto examples = Counter("descent_job_examples_total", "Examples consumed.");
  auto computing = Counter("descent_job_computing_seconds_total",
                           "Computing time over all attempts, pauses excluded, in seconds.");
  auto epoch = Gauge("descent_job_epoch", "Passes over the training data so far, with fraction.");
  auto dial = Gauge("descent_job_dial", "Present value of each dial.");
  auto metric = Gauge("descent_job_evaluation", "Metrics of the last evaluation on the test data.");
  auto attempts = Counter("descent_job_attempts_total", "Launches of a worker for the job.");
  auto by_state = Gauge("descent_jobs", "Jobs by state.");

  std::array<int64_t, v1::JobState_ARRAYSIZE> counts = {};
  for (const v1::Job& job : jobs) {
    if (v1::JobState_IsValid(job.state())) ++counts[job.state()];
    if (IsFinished(job.state())) continue;
    const Labels labels = {{"job", IdOf(job)}};
    AddSample(info, 1,
              {{"job", IdOf(job)},
               {"display_name", job.display_name()},
               {"state", StateLabel(job.state())}});
    AddSample(attempts, job.attempt(), labels);
    for (const v1::DialState& state : job.dials()) {
      AddSample(dial, state.value(), {{"job", IdOf(job)}, {"path", state.path()}});
    }
    for (const v1::Metric& m : job.last_evaluation().metrics()) {
      if (!m.values().empty() || m.size() > 0) continue;  // a matrix is no gauge
      AddSample(metric, m.value(), {{"job", IdOf(job)}, {"metric", m.name()}});
    }
    if (!job.has_last_iteration()) continue;
    const v1::Iteration& last = job.last_iteration();
    AddSample(value, last.value(), labels);
    AddSample(gradient_norm, last.gradient_norm(), labels);
    if (last.has_step_size()) AddSample(step_size, last.step_size(), labels);
    AddSample(iterations, static_cast<double>(last.index()), labels);
    AddSample(examples, static_cast<double>(last.samples()), labels);
    AddSample(computing, last.elapsed_seconds(), labels);
    AddSample(epoch, last.epoch(), labels);
  }
  for (int state = v1::QUEUED; state <= v1::FAILED; ++state) {
    AddSample(by_state, static_cast<double>(counts[state]),
              {{"state", StateLabel(static_cast<v1::JobState>(state))}});
  }

  std::vector<prometheus::MetricFamily> families;
  for (prometheus::MetricFamily* family :
       {&by_state, &info, &value, &gradient_norm, &step_size, &iterations, &examples, &computing,
        &epoch, &dial, &metric, &attempts}) {
    if (!family->metric.empty()) families.push_back(std::move(*family));
  }
  return families;
}

}  // namespace descent::daemon
