#include "server/daemon/jobs/fold.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "proto/rules/names.h"
#include "server/daemon/jobs/dials.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {
namespace {

// A confusion matrix of so many classes is at hand with the job; larger ones are in the journal.
constexpr int kMostClasses = 64;

template <class Items>
void TakeFirst(int most, Items* items) {
  if (items->size() > most) items->erase(items->begin() + most, items->end());
}

}  // namespace

void LeaveOutMatrices(int most_classes, v1::Evaluated* evaluation) {
  for (v1::Metric& metric : *evaluation->mutable_metrics()) {
    metric.clear_rows();
    metric.clear_columns();
    metric.clear_counts();
    if (metric.values_size() <= most_classes * most_classes) continue;
    metric.set_size(std::lround(std::sqrt(metric.values_size())));
    metric.clear_values();
  }
}

JobFold::JobFold(const std::string& job_id) : given_(std::make_shared<v1::Job>()) {
  light_.set_name(rules::JobName(job_id));
}

JobFold::JobFold(const v1::Job& snapshot) : light_(snapshot) {
  if (light_.has_last_evaluation())
    LeaveOutMatrices(kMostClasses, light_.mutable_last_evaluation());
  auto given = std::make_shared<v1::Job>();
  given->mutable_spec()->Swap(light_.mutable_spec());
  given->mutable_summary()->Swap(light_.mutable_summary());
  light_.clear_spec();
  light_.clear_summary();
  Give(std::move(given));
}

// Older stores lack what was added since.
void JobFold::Give(std::shared_ptr<v1::Job> given) {
  if (given->has_summary()) FindStepSizes(given->spec(), given->mutable_summary());
  for (v1::DialState& dial : *light_.mutable_dials()) {
    dial.set_main_step_size(std::ranges::count(given->summary().step_sizes(), dial.path()) > 0);
  }
  given_ = std::move(given);
}

void JobFold::RecallSeries(const std::vector<std::string>& names) {
  if (!light_.series().empty()) return;
  light_.mutable_series()->Assign(names.begin(), names.end());
}

v1::Job JobFold::Full() const {
  v1::Job job = light_;
  if (given_->has_spec()) *job.mutable_spec() = given_->spec();
  if (given_->has_summary()) *job.mutable_summary() = given_->summary();
  return job;
}

v1::Job JobFold::Stored() const {
  v1::Job job = light_;
  if (job.has_last_evaluation()) LeaveOutMatrices(0, job.mutable_last_evaluation());
  return job;
}

void JobFold::Shrink(int most) {
  auto given = std::make_shared<v1::Job>();
  if (given_->spec().has_program()) given->mutable_spec()->mutable_program();
  if (given_->spec().has_checkpoints()) {
    *given->mutable_spec()->mutable_checkpoints() = given_->spec().checkpoints();
  }
  given_ = std::move(given);
  series_dials_ = std::vector<int>();
  v1::Job light = light_;
  TakeFirst(most, light.mutable_dials());
  TakeFirst(most, light.mutable_series());
  if (most == 0) {
    light.clear_last_iteration();
    light.clear_last_evaluation();
  }
  if (light.has_last_iteration())
    TakeFirst(most, light.mutable_last_iteration()->mutable_scalars());
  if (light.has_last_evaluation()) {
    TakeFirst(most, light.mutable_last_evaluation()->mutable_metrics());
    LeaveOutMatrices(0, light.mutable_last_evaluation());
  }
  // Copied, as a message keeps the room of what is taken out of it.
  v1::Job(light).Swap(&light_);
}

void JobFold::Apply(const v1::Event& event) {
  light_.set_head_revision(event.revision());
  switch (event.kind_case()) {
    case v1::Event::kCreated: {
      const v1::Created& created = event.created();
      auto given = std::make_shared<v1::Job>();
      *given->mutable_spec() = created.spec();
      *given->mutable_summary() = created.summary();
      Give(std::move(given));
      light_.set_display_name(created.display_name());
      *light_.mutable_labels() = created.labels();
      light_.set_create_time_unix_nanos(event.time_unix_nanos());
      light_.set_state(v1::QUEUED);
      break;
    }
    case v1::Event::kAttemptStarted:
      light_.set_attempt(event.attempt());
      break;
    case v1::Event::kSeries:
      *light_.mutable_series() = event.series().names();
      series_dials_.clear();
      break;
    case v1::Event::kIteration:
      ApplyIteration(event.iteration());
      break;
    case v1::Event::kEvaluation:
      ApplyEvaluation(event.evaluation());
      break;
    case v1::Event::kCommandApplied:
      for (const v1::Change& change : event.command_applied().changes()) {
        v1::DialState* dial = Dial(change.path());
        dial->set_value(change.new_value());
        dial->set_overridden(!change.released());
      }
      break;
    case v1::Event::kStateChanged: {
      const v1::StateChanged& changed = event.state_changed();
      light_.set_state(changed.state());
      light_.set_state_reason(changed.reason());
      light_.set_error_reason(changed.error_reason());
      if (changed.state() == v1::RUNNING && light_.start_time_unix_nanos() == 0) {
        light_.set_start_time_unix_nanos(event.time_unix_nanos());
      }
      if (is_final()) light_.set_end_time_unix_nanos(event.time_unix_nanos());
      break;
    }
    case v1::Event::kCheckpointSaved:
      light_.set_last_checkpoint(event.checkpoint_saved().checkpoint());
      break;
    case v1::Event::kRewound: {
      const v1::Rewound& rewound = event.rewound();
      light_.set_branch(rewound.to_branch());
      light_.set_last_checkpoint(rewound.checkpoint());
      // What x was there is in the journal; the fold says only where the run stands.
      light_.clear_last_iteration();
      if (rewound.to_iteration() >= 0) {
        light_.mutable_last_iteration()->set_index(rewound.to_iteration());
      }
      break;
    }
    default:
      break;
  }
}

bool JobFold::LacksMatrices() const {
  return std::ranges::any_of(light_.last_evaluation().metrics(), [](const v1::Metric& metric) {
    return metric.size() > 0 && metric.size() <= kMostClasses;
  });
}

void JobFold::ApplyEvaluation(const v1::Evaluated& evaluation) {
  v1::Evaluated* last = light_.mutable_last_evaluation();
  if (evaluation.part() == 0) {
    *last = evaluation;
  } else {
    for (const v1::Metric& metric : evaluation.metrics()) {
      // A matrix goes on in the next part.
      const int known = last->metrics_size();
      if (known > 0 && last->metrics(known - 1).name() == metric.name()) continue;
      *last->add_metrics() = metric;
    }
  }
  last->clear_part();
  last->clear_parts();
  LeaveOutMatrices(kMostClasses, last);
}

void JobFold::ApplyIteration(const v1::Iteration& iteration) {
  *light_.mutable_last_iteration() = iteration;
  if (iteration.has_step_size() && !given_->summary().step_sizes().empty()) {
    Dial(given_->summary().step_sizes(0))->set_value(iteration.step_size());
  }
  if (iteration.scalars().empty()) return;
  if (series_dials_.empty()) FindSeriesDials();
  const size_t count =
      std::min(series_dials_.size(), static_cast<size_t>(iteration.scalars_size()));
  for (size_t i = 0; i < count; ++i) {
    if (series_dials_[i] < 0) continue;
    light_.mutable_dials(series_dials_[i])->set_value(iteration.scalars(static_cast<int>(i)));
  }
}

void JobFold::FindSeriesDials() {
  const auto& dials = given_->summary().dials();
  const std::set<std::string_view> known(dials.begin(), dials.end());
  for (const std::string& name : light_.series()) {
    series_dials_.push_back(known.contains(name) ? DialIndex(name) : -1);
  }
}

int JobFold::DialIndex(const std::string& path) {
  for (int i = 0; i < light_.dials_size(); ++i) {
    if (light_.dials(i).path() == path) return i;
  }
  v1::DialState* dial = light_.add_dials();
  dial->set_path(path);
  dial->set_main_step_size(std::ranges::count(given_->summary().step_sizes(), path) > 0);
  return light_.dials_size() - 1;
}

// The branch it was made on is the newest that has one of its iteration: a rewind takes the fold's
// evaluation along.
JobFold WithMatrices(JobJournal& journal, JobFold fold) {
  if (!fold.LacksMatrices()) return fold;
  const int64_t iteration = fold.light().last_evaluation().iteration();
  for (int32_t branch = fold.light().branch(); branch >= 0; --branch) {
    const auto rows = journal.FindEvaluations(branch, iteration);
    if (!rows.ok()) return fold;  // the fold is good without
    if (rows->empty()) continue;
    for (const RowPtr& row : *rows) {
      for (const Entry& entry : Entries(*row)) {
        v1::Event event;
        if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
          return fold;
        }
        fold.ApplyEvaluation(event.evaluation());
      }
    }
    return fold;
  }
  return fold;
}

}  // namespace descent::daemon
