#include "client/cli/progress.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/cli/event_text.h"
#include "client/cli/format.h"
#include "proto/rules/states.h"

namespace descent::cli {
namespace {

constexpr int64_t kWindow = 5'000'000'000;    // nanoseconds
constexpr int64_t kResolution = 100'000'000;  // between two samples kept

}  // namespace

void Progress::StartAt(const v1::Job& job) {
  last_ = job.last_iteration();
  has_iteration_ = true;
  state_ = job.state();
}

void Progress::OnEvent(const v1::Event& event) {
  if (event.has_created() && event.created().summary().iterations() > 0) {
    iterations_ = event.created().summary().iterations();
  }
  if (event.has_series()) series_ = SeriesNames(event.series().names());
  if (event.has_state_changed()) {
    state_ = event.state_changed().state();
    window_.clear();
  }
  if (event.has_rewound() || event.has_attempt_started()) window_.clear();
  if (!event.has_iteration()) return;
  last_ = event.iteration();
  has_iteration_ = true;
  newest_ = {static_cast<int64_t>(event.time_unix_nanos()), last_.index(), last_.samples()};
  // A clock that was set back would make rates negative.
  if (!window_.empty() && newest_.time < window_.back().time) window_.clear();
  if (window_.empty() || newest_.time - window_.back().time >= kResolution) {
    window_.push_back(newest_);
  }
  while (window_.size() > 2 && newest_.time - window_.front().time > kWindow) window_.pop_front();
}

std::vector<std::string> Progress::Fields() const {
  std::vector<std::string> fields;
  if (state_ != v1::RUNNING && state_ != v1::JOB_STATE_UNSPECIFIED) {
    fields.push_back(StateText(state_));
  }
  if (!has_iteration_) return fields;
  std::string iteration = absl::StrCat("iteration ", Count(last_.index()));
  if (iterations_ > 0) {
    // 100% only when it is done.
    const double part = static_cast<double>(last_.index()) / static_cast<double>(iterations_);
    absl::StrAppend(&iteration, "/", Count(iterations_), " (", std::floor(100 * part), "%)");
  }
  fields.push_back(std::move(iteration));
  fields.push_back(absl::StrCat("value ", Number(last_.value(), 4)));
  if (last_.has_step_size()) {
    fields.push_back(absl::StrCat("step size ", Number(last_.step_size(), 4)));
  }
  if (state_ != v1::PAUSED && !window_.empty() && newest_.time > window_.front().time) {
    const double seconds = static_cast<double>(newest_.time - window_.front().time) * 1e-9;
    const double examples =
        static_cast<double>(newest_.examples - window_.front().examples) / seconds;
    const double iterations = static_cast<double>(newest_.index - window_.front().index) / seconds;
    if (examples > 0) {
      fields.push_back(absl::StrCat(
          examples < 100 ? absl::StrFormat("%.1f", examples) : Count(std::llround(examples)),
          " examples/s"));
    }
    if (iterations > 0 && iterations_ > last_.index() && !rules::IsFinal(state_)) {
      const double left = static_cast<double>(iterations_ - last_.index()) / iterations;
      fields.push_back(absl::StrCat("ETA ", Duration(absl::Seconds(left))));
    }
  }
  for (std::string& field : series_.Fields(last_)) fields.push_back(std::move(field));
  return fields;
}

std::string Progress::Line(size_t columns) const {
  std::string line;
  for (const std::string& field : Fields()) {
    if (!line.empty() && Width(line) + 2 + Width(field) > columns) break;
    absl::StrAppend(&line, line.empty() ? "" : "  ", field);
  }
  return Cut(line, columns);
}

}  // namespace descent::cli
