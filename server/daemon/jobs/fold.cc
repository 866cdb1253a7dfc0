#include "server/daemon/jobs/fold.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string_view>
#include <unordered_map>

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

std::shared_ptr<std::vector<std::string>> FirstOf(int most, const std::vector<std::string>& names) {
  const auto count = static_cast<ptrdiff_t>(std::min(names.size(), static_cast<size_t>(most)));
  return std::make_shared<std::vector<std::string>>(names.begin(), names.begin() + count);
}

// A message keeps the room of what is taken out of it; a copy does not.
void Compact(v1::Job* job) { v1::Job(*job).Swap(job); }

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
  for (const v1::DialState& dial : light_.dials()) {
    paths_->push_back(dial.path());
    dials_.push_back({.value = dial.value(), .overridden = dial.overridden()});
  }
  series_->assign(light_.series().begin(), light_.series().end());
  light_.clear_dials();
  light_.clear_series();
  Compact(&light_);
  Give(std::move(given));
}

// Fills in what older stores lack, because it was added since.
void JobFold::Give(std::shared_ptr<v1::Job> given) {
  if (given->has_summary()) FindStepSizes(given->spec(), given->mutable_summary());
  given_ = std::move(given);
  for (size_t i = 0; i < dials_.size(); ++i) {
    dials_[i].is_main_step_size = IsMainStepSize((*paths_)[i]);
  }
}

bool JobFold::IsMainStepSize(const std::string& path) const {
  return std::ranges::count(given_->summary().step_sizes(), path) > 0;
}

void JobFold::RecallSeries(const std::vector<std::string>& names) {
  if (series_->empty()) series_ = std::make_shared<std::vector<std::string>>(names);
}

void JobFold::ShareNames(const JobFold& other) {
  if (paths_ != other.paths_ && *paths_ == *other.paths_) paths_ = other.paths_;
  if (series_ != other.series_ && *series_ == *other.series_) series_ = other.series_;
}

v1::Job JobFold::light() const {
  v1::Job job = light_;
  for (size_t i = 0; i < dials_.size(); ++i) {
    v1::DialState* dial = job.add_dials();
    dial->set_path((*paths_)[i]);
    dial->set_value(dials_[i].value);
    dial->set_overridden(dials_[i].overridden);
    dial->set_main_step_size(dials_[i].is_main_step_size);
  }
  job.mutable_series()->Assign(series_->begin(), series_->end());
  return job;
}

v1::Job JobFold::Full() const {
  v1::Job job = light();
  if (given_->has_spec()) *job.mutable_spec() = given_->spec();
  if (given_->has_summary()) *job.mutable_summary() = given_->summary();
  return job;
}

v1::Job JobFold::Stored() const {
  v1::Job job = light();
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
  paths_ = FirstOf(most, *paths_);
  series_ = FirstOf(most, *series_);
  dials_ =
      std::vector<Dial>(dials_.begin(), dials_.begin() + static_cast<ptrdiff_t>(paths_->size()));
  if (most == 0) {
    light_.clear_last_iteration();
    light_.clear_last_evaluation();
    light_.clear_confinement();
  }
  if (light_.has_last_iteration()) {
    TakeFirst(most, light_.mutable_last_iteration()->mutable_scalars());
  }
  if (light_.has_last_evaluation()) {
    TakeFirst(most, light_.mutable_last_evaluation()->mutable_metrics());
    LeaveOutMatrices(0, light_.mutable_last_evaluation());
  }
  Compact(&light_);
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
      light_.set_owner(created.principal());
      light_.set_group(created.group());
      light_.set_create_time_unix_nanos(event.time_unix_nanos());
      light_.set_state(v1::QUEUED);
      break;
    }
    case v1::Event::kAttemptStarted:
      light_.set_attempt(event.attempt());
      light_.clear_stalled();
      light_.clear_confinement();
      if (event.attempt_started().has_confinement()) {
        *light_.mutable_confinement() = event.attempt_started().confinement();
      }
      break;
    case v1::Event::kSeries:
      series_ = std::make_shared<std::vector<std::string>>(event.series().names().begin(),
                                                           event.series().names().end());
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
        Dial& dial = dials_[FindDial(change.path())];
        dial.value = change.new_value();
        dial.overridden = !change.released();
      }
      break;
    case v1::Event::kStateChanged: {
      const v1::StateChanged& changed = event.state_changed();
      light_.set_state(changed.state());
      light_.clear_stalled();
      light_.set_state_reason(changed.reason());
      light_.set_error_reason(changed.error_reason());
      if (changed.state() == v1::RUNNING && light_.start_time_unix_nanos() == 0) {
        light_.set_start_time_unix_nanos(event.time_unix_nanos());
      }
      if (is_final()) light_.set_end_time_unix_nanos(event.time_unix_nanos());
      break;
    }
    case v1::Event::kNotice:
      if (event.notice().waits()) {
        light_.set_stalled(event.notice().message());
      } else if (event.notice().severity() == v1::Notice::ERROR && light_.state() == v1::RUNNING) {
        // A checkpoint that can't be saved is told nowhere else.
        light_.set_state_reason(event.notice().message());
      }
      break;
    case v1::Event::kCheckpointSaved:
      if (light_.state() == v1::RUNNING) light_.clear_state_reason();
      light_.clear_stalled();
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
    dials_[FindDial(given_->summary().step_sizes(0))].value = iteration.step_size();
  }
  if (iteration.scalars().empty()) return;
  if (series_dials_.empty()) FindSeriesDials();
  const size_t count =
      std::min(series_dials_.size(), static_cast<size_t>(iteration.scalars_size()));
  for (size_t i = 0; i < count; ++i) {
    if (series_dials_[i] < 0) continue;
    dials_[static_cast<size_t>(series_dials_[i])].value = iteration.scalars(static_cast<int>(i));
  }
}

void JobFold::FindSeriesDials() {
  const auto& dials = given_->summary().dials();
  const std::set<std::string_view> known(dials.begin(), dials.end());
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < paths_->size(); ++i) places.try_emplace((*paths_)[i], i);
  for (const std::string& name : *series_) {
    if (!known.contains(name)) {
      series_dials_.push_back(-1);
      continue;
    }
    const auto [place, is_new] = places.try_emplace(name, dials_.size());
    if (is_new) AddDial(name);
    series_dials_.push_back(static_cast<int>(place->second));
  }
}

size_t JobFold::FindDial(const std::string& path) {
  const auto found = std::ranges::find(*paths_, path);
  if (found == paths_->end()) return AddDial(path);
  return static_cast<size_t>(found - paths_->begin());
}

size_t JobFold::AddDial(const std::string& path) {
  if (paths_.use_count() > 1) paths_ = std::make_shared<std::vector<std::string>>(*paths_);
  paths_->push_back(path);
  dials_.push_back({.is_main_step_size = IsMainStepSize(path)});
  return dials_.size() - 1;
}

// The branch it was made on is the newest that has one of its iteration: a rewind takes the fold's
// evaluation along.
JobFold WithMatrices(JobJournal& journal, JobFold fold) {
  if (!fold.LacksMatrices()) return fold;
  const int64_t iteration = fold.core().last_evaluation().iteration();
  for (int32_t branch = fold.core().branch(); branch >= 0; --branch) {
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
