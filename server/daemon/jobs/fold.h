// A `JobFold` is the journal, folded into what people see of a job. It is a value: copies share the
// spec. Not thread-safe.
//
// Apply takes the events in order; of several iterations in a row only the last is needed.
#ifndef DESCENT_SERVER_DAEMON_JOBS_FOLD_H_
#define DESCENT_SERVER_DAEMON_JOBS_FOLD_H_

#include <memory>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rules/states.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

// Takes out the numbers of confusion matrices of more classes: Metric.size alone is left.
void LeaveOutMatrices(int most_classes, v1::Evaluated* evaluation);

class JobFold {
 public:
  // Makes a job of this id without a single event.
  explicit JobFold(const std::string& job_id);
  // Makes the job that is stored with the journal; older stores lack the names of the series.
  explicit JobFold(const v1::Job& snapshot);

  void Apply(const v1::Event& event);
  // The stored fold has its last evaluation without the confusion matrices. LacksMatrices tells
  // whether a fold made of it lacks some that people see in a job; ApplyEvaluation, with that
  // evaluation's event from the journal, puts them back.
  bool LacksMatrices() const;
  void ApplyEvaluation(const v1::Evaluated& evaluation);

  // Leaves no more of a job that is over than is asked for again and again: what ListJobs filters
  // and orders by, and the first `most` of its dials, series and metrics, without matrices; if
  // `most` is 0, neither its last iteration nor its last evaluation. The rest is in the store.
  void Shrink(int most);

  // Sets it for a fold that was made out of order.
  void set_head_revision(int64_t revision) { light_.set_head_revision(revision); }

  // Gives what is stored with the journal, again and again, without what its events have: spec,
  // summary, and an evaluation's matrices.
  v1::Job Stored() const;
  // Takes the names that the newest Series event gives, if the stored fold did not say them.
  void RecallSeries(const std::vector<std::string>& names);

  // Gives the job without spec and summary.
  v1::Job light() const;
  // Gives the same without dials and series, for what is asked often.
  const v1::Job& core() const { return light_; }
  const std::vector<std::string>& series() const { return *series_; }
  const v1::Job& given() const { return *given_; }  // spec and summary alone
  v1::Job Full() const;

  // Shares the other fold's names, where they are the same.
  void ShareNames(const JobFold& other);

  v1::JobState state() const { return light_.state(); }
  bool is_final() const { return rules::IsFinal(light_.state()); }

 private:
  void Give(std::shared_ptr<v1::Job> given);
  void ApplyIteration(const v1::Iteration& iteration);
  void FindSeriesDials();
  // Gives the dial's place among dials_.
  size_t FindDial(const std::string& path);
  size_t AddDial(const std::string& path);
  bool IsMainStepSize(const std::string& path) const;

  // What a DialState has besides its path.
  struct Dial {
    double value = 0;
    bool overridden = false;
    bool is_main_step_size = false;
  };
  // The names may be thousands, which copies share: a vector is changed by its only owner alone.
  using Names = std::shared_ptr<std::vector<std::string>>;

  v1::Job light_;  // without dials and series
  std::shared_ptr<const v1::Job> given_;
  Names paths_ = std::make_shared<std::vector<std::string>>();  // of dials_
  std::vector<Dial> dials_;
  Names series_ = std::make_shared<std::vector<std::string>>();
  // For each of series_ its place among dials_, or −1. Empty if it was not looked for yet.
  std::vector<int> series_dials_;
};

// Gives the fold with what the stored one left out of the last evaluation, which is in its event.
// It reads the store: blocks.
JobFold WithMatrices(JobJournal& journal, JobFold fold);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_FOLD_H_
