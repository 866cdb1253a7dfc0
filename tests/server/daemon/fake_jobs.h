// `FakeJobs` are jobs without workers: their journals are real, their answers what the test says.
// Thread-safe but for the `on_…` functions, which are set before the first call.
#ifndef DESCENT_TESTS_SERVER_DAEMON_FAKE_JOBS_H_
#define DESCENT_TESTS_SERVER_DAEMON_FAKE_JOBS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rpc_status.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/security/caller.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {

class FakeJobs final : public Jobs {
 public:
  explicit FakeJobs(Journal& journal) : journal_(journal) {}

  std::function<void(const Caller&, const v1::CreateJobRequest&, Callback<v1::Job>)> on_create;
  std::function<void(const Caller&, const v1::CommandJobRequest&, Callback<v1::CommandJobResponse>)>
      on_command;
  std::function<std::unique_ptr<Prediction>(const v1::PredictJobRequest&,
                                            std::shared_ptr<PredictionSink>)>
      on_predict;
  // Set: else every spec is valid.
  std::function<void(const Caller&, const v1::ValidateSpecRequest&,
                     Callback<v1::ValidateSpecResponse>)>
      on_validate;
  Cancel on_cancel;  // what Create and Validate give
  Statistics counts;

  // A job with its first event.
  std::shared_ptr<JobJournal> Add(const std::string& id, v1::JobState state = v1::RUNNING) {
    v1::Job job;
    job.set_name("jobs/" + id);
    job.set_state(state);
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    std::shared_ptr<JobJournal> made = *journal_.CreateJob(id, std::move(events), job);
    absl::MutexLock lock(&mutex_);
    jobs_[job.name()] = {job, made};
    return made;
  }

  void Set(const v1::Job& job) {
    absl::MutexLock lock(&mutex_);
    jobs_[job.name()].first = job;
  }

  Cancel Create(const Caller& caller, const v1::CreateJobRequest& request,
                Callback<v1::Job> done) override {
    on_create(caller, request, std::move(done));
    return on_cancel;
  }
  Cancel Validate(const Caller& caller, const v1::ValidateSpecRequest& request,
                  Callback<v1::ValidateSpecResponse> done) override {
    if (on_validate) {
      on_validate(caller, request, std::move(done));
      return on_cancel;
    }
    v1::ValidateSpecResponse response;
    *response.mutable_spec() = request.spec();
    done(std::move(response));
    return nullptr;
  }
  void Delete(const Caller& caller, const v1::DeleteJobRequest& request,
              Callback<v1::DeleteJobResponse> done) override {
    absl::StatusOr<v1::Job> job = Get(caller, request.name());
    if (!job.ok()) return done(job.status());
    done(v1::DeleteJobResponse());
  }
  void Command(const Caller& caller, const v1::CommandJobRequest& request,
               Callback<v1::CommandJobResponse> done) override {
    absl::StatusOr<v1::Job> job = Get(caller, request.name());
    if (!job.ok()) return done(job.status());
    on_command(caller, request, std::move(done));
  }

  std::unique_ptr<Prediction> Predict(const Caller&, const v1::PredictJobRequest& request,
                                      std::shared_ptr<PredictionSink> sink) override {
    return on_predict(request, std::move(sink));
  }

  absl::StatusOr<Ownership> OwnershipOf(const std::string& name) const override {
    const absl::StatusOr<v1::Job> job = Get({}, name);
    if (!job.ok()) return job.status();
    return Ownership{.owner = job->owner(), .group = job->group()};
  }

  absl::StatusOr<v1::Job> Get(const Caller&, const std::string& name) const override {
    absl::MutexLock lock(&mutex_);
    const auto found = jobs_.find(name);
    if (found != jobs_.end()) return found->second.first;
    return MakeError(absl::StatusCode::kNotFound, absl::StrCat("there is no ", name),
                     "JOB_NOT_FOUND");
  }
  absl::StatusOr<v1::ListJobsResponse> List(const Caller& caller,
                                            const v1::ListJobsRequest& request) const override {
    v1::ListJobsResponse response;
    for (const v1::Job& job : Snapshot(caller)) {
      if (response.jobs_size() == request.page_size() && request.page_size() > 0) break;
      *response.add_jobs() = job;
    }
    return response;
  }
  std::vector<v1::Job> Snapshot(const Caller&) const override {
    absl::MutexLock lock(&mutex_);
    std::vector<v1::Job> all;
    for (const auto& [name, entry] : jobs_) all.push_back(entry.first);
    return all;
  }
  absl::StatusOr<std::shared_ptr<JobJournal>> OpenJournal(const Caller&,
                                                          const std::string& name) const override {
    absl::MutexLock lock(&mutex_);
    const auto found = jobs_.find(name);
    if (found != jobs_.end()) return found->second.second;
    return MakeError(absl::StatusCode::kNotFound, absl::StrCat("there is no ", name),
                     "JOB_NOT_FOUND");
  }
  Statistics statistics(const Caller&) const override { return counts; }

 private:
  Journal& journal_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::pair<v1::Job, std::shared_ptr<JobJournal>>> jobs_
      ABSL_GUARDED_BY(mutex_);
};

// A journal in a folder of its own, with fake jobs on it.
struct FakeDaemon {
  FakeDaemon() : journal(Open(folder)), jobs(*journal) {}

  static std::unique_ptr<Journal> Open(const TestFolder& folder) {
    Journal::Options options;
    options.path = folder.File("descent.db");
    options.tail_bytes = 64 << 10;  // watchers that lag behind read the store
    return *Journal::Open(options);
  }

  TestFolder folder;
  std::unique_ptr<Journal> journal;
  FakeJobs jobs;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_FAKE_JOBS_H_
