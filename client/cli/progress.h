// `Progress` is how far a run is and how fast it goes: a fold over its events, shown as one line.
// Rates are taken over the last few seconds of the events' own times, so they are right also when
// history is read quickly. Not thread-safe.
#ifndef DESCENT_CLIENT_CLI_PROGRESS_H_
#define DESCENT_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "client/cli/series_names.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"

namespace descent::cli {

class Progress {
 public:
  // `iterations` are those of the whole run; 0 if that is not known.
  explicit Progress(int64_t iterations) : iterations_(iterations) {}

  void OnEvent(const v1::Event& event);
  // Takes the names of the series as of now, for who does not see the event that says them.
  void Name(const v1::Job& job) { series_ = SeriesNames(job.series()); }
  // Begins as if this job's last iteration had been seen, without an effect on the rates.
  void StartAt(const v1::Job& job);

  bool has_iteration() const { return has_iteration_; }
  v1::JobState state() const { return state_; }

  const SeriesNames& series() const { return series_; }

  // Gives `iteration 1,234/4,690 (26%)  value 0.43  step size 0.001  81,234 examples/s  ETA 0:12`,
  // and then the series; as much as fits into so many columns, nothing in part.
  std::string Line(size_t columns) const;

 private:
  std::vector<std::string> Fields() const;

  struct Sample {
    int64_t time;  // nanoseconds
    int64_t index;
    int64_t examples;
  };

  int64_t iterations_;
  bool has_iteration_ = false;
  v1::Iteration last_;
  SeriesNames series_;
  v1::JobState state_ = v1::JOB_STATE_UNSPECIFIED;
  Sample newest_{};
  std::deque<Sample> window_;  // oldest first
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_PROGRESS_H_
