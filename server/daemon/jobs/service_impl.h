// `JobsServiceImpl` is the class behind JobsService, for service.h alone. What people ask is in
// service.cc, the queue and the start in service_queue.cc, creation and deletion in
// service_create.cc, predictions in service_predict.cc.
#ifndef DESCENT_SERVER_DAEMON_JOBS_SERVICE_IMPL_H_
#define DESCENT_SERVER_DAEMON_JOBS_SERVICE_IMPL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/clock.h"
#include "server/common/loop.h"
#include "server/common/mutex.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/job_counts.h"
#include "server/daemon/jobs/listing.h"
#include "server/daemon/jobs/service.h"
#include "server/daemon/launch/secrets.h"
#include "server/daemon/security/shares.h"
#include "server/daemon/workers/attempt_host.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {

using JobPtr = std::shared_ptr<Job>;

class JobsServiceImpl : public JobsService, public AttemptHost {
 public:
  JobsServiceImpl(const Options& options, Secrets secrets, Journal* journal, Launcher* launcher,
                  const server::Clock* clock);
  ~JobsServiceImpl() override;
  absl::Status Begin();

  // These are Jobs'.
  Cancel Create(const Caller& caller, const v1::CreateJobRequest& request,
                Callback<v1::Job> done) override;
  Cancel Validate(const Caller& caller, const v1::ValidateSpecRequest& request,
                  Callback<v1::ValidateSpecResponse> done) override;
  void Delete(const Caller& caller, const v1::DeleteJobRequest& request,
              Callback<v1::DeleteJobResponse> done) override;
  void Command(const Caller& caller, const v1::CommandJobRequest& request,
               Callback<v1::CommandJobResponse> done) override;
  std::unique_ptr<Prediction> Predict(const Caller& caller, const v1::PredictJobRequest& request,
                                      std::shared_ptr<PredictionSink> sink) override;
  absl::StatusOr<Ownership> OwnershipOf(const std::string& name) const override;
  absl::StatusOr<v1::Job> Get(const Caller& caller, const std::string& name) const override;
  absl::StatusOr<v1::ListJobsResponse> List(const Caller& caller,
                                            const v1::ListJobsRequest& request) const override;
  std::vector<v1::Job> Snapshot(const Caller& caller) const override;
  absl::StatusOr<std::shared_ptr<JobJournal>> OpenJournal(const Caller& caller,
                                                          const std::string& name) const override;
  Statistics statistics(const Caller& caller) const override;

  // These are JobsService's.
  void Shutdown(std::chrono::steady_clock::time_point deadline) override;
  void Wake() override { loop_->Wake(); }
  absl::Status launching() const override { return supervisor_.launching(); }

  // These are AttemptHost's.
  absl::Status OnProgram(const std::string& name, const std::string& secret) override;
  void OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                const std::function<void()>& taken, const SessionHandler::Resume& resume) override;
  absl::StatusOr<worker::v1::Welcome> OnReconnect(const WorkerPtr& worker,
                                                  const worker::v1::Hello& hello) override;
  void OnHeartbeat(const WorkerPtr& worker) override;
  void OnUnstarted(const WorkerPtr& worker) override;
  void OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                    const std::string& request_id) override;
  void OnLost(const WorkerPtr& worker, const std::string& cause, bool clean) override;

 private:
  struct Creation {
    v1::CreateJobRequest request;
    std::string job_id;
    Caller caller;
    std::map<int64_t, Callback<v1::Job>> waiters;  // by the number of their calls
    int64_t validation = 0;
    std::vector<DatasetUse> held = {};
    bool committing = false;  // there will be a job, whoever goes away
    Share place = {};         // among the jobs that are not over
  };

  absl::StatusOr<JobPtr> Find(const std::string& name) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<JobPtr> AllJobs() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasJob(const std::string& id) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::string DirOf(const std::string& job_id) const;
  // Gives the name in Secrets of the programs that may run this job: not that of a deleted
  // namesake's.
  static std::string SecretNameOf(const Job& job);
  // Gives where such a program finds the secret; a job that is over has none.
  std::string SecretFileOf(const Job& job) const;
  // Writes the secret of a program's job.
  void OfferSecret(const JobPtr& job) const;
  Job::Environment EnvironmentOf(const std::string& job_id);
  void Insert(const JobPtr& job) ABSL_LOCKS_EXCLUDED(mutex_);
  // Counts the job among recent_, if it is over.
  void CountRecent(const JobPtr& job) ABSL_LOCKS_EXCLUDED(mutex_);

  // What follows is confined to the loop. First comes the start:
  absl::Status Load();
  void TakeUp(const JobPtr& job);
  // Holds the datasets of a job that is not over.
  void Hold(const JobPtr& job);
  // Removes what kills have left behind in the folder of the jobs; moves away what is not known.
  // FAILED_PRECONDITION if there are jobs' folders, but the store is new.
  absl::Status SweepFolders();
  // Removes what a deleted job had outside the store.
  void RemoveFolder(const std::string& id);

  // The queue:
  void Schedule();
  void Acquire(const JobPtr& job);
  // Puts the job into the queue. A program's job waits for its program instead, and for no turn:
  // the daemon starts nothing for it.
  void Enqueue(const JobPtr& job);
  // The job does not run any more.
  void Finished(const JobPtr& job);
  // Neither runs nor waits: others have its place.
  void GiveWay(const JobPtr& job);

  // Validates by a spare, or, if it is a program's, by what it declares. As Supervisor::Validate.
  // The datasets that it names are held for `user` (added to `held`) while it lasts, and longer if
  // the caller keeps them.
  int64_t ValidateOnLoop(const Caller& caller, v1::Spec spec, const std::string& user,
                         std::vector<DatasetUse>* held, const Supervisor::Validated& done);

  // Creation:
  void CreateOnLoop(const Caller& caller, const v1::CreateJobRequest& request, int64_t call,
                    const Callback<v1::Job>& done);
  void CancelCreation(int64_t call);
  bool IsTaken(const std::string& job_id) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives why nothing more may be written for a new job, if that is so.
  absl::Status CheckFreeDisk() const;
  // Gives why there is no room for one job more, if there is none.
  absl::Status CheckRoomForJob() const ABSL_LOCKS_EXCLUDED(mutex_);
  void CommitCreation(const std::shared_ptr<Creation>& creation, const worker::v1::Valid& valid);
  // Gives the job that came of it, whose first events these are.
  absl::StatusOr<v1::Job> TakeCreated(Creation& creation,
                                      absl::StatusOr<std::shared_ptr<JobJournal>> journal,
                                      const std::vector<v1::Event>& events);
  void EndCreation(const std::shared_ptr<Creation>& creation, const absl::StatusOr<v1::Job>& job);

  // Prediction:
  absl::Status PredictOnLoop(const std::string& id, const Caller& caller,
                             const v1::PredictJobRequest& request, Job::Predictor predictor,
                             const std::shared_ptr<PredictionSink>& sink);

  // Deletion:
  void DeleteOnLoop(const Caller& caller, const v1::DeleteJobRequest& request,
                    const Callback<v1::DeleteJobResponse>& done);
  struct Deletion {
    JobPtr job;
    Caller caller;
    Callback<v1::DeleteJobResponse> done;
  };
  void Remove(const Deletion& deletion);
  // Has the journal go, once it is written down who had it go.
  void RemoveJournal(const Deletion& deletion);
  // Goes on with it, once the journal says what came of the deletion.
  void Removed(const Deletion& deletion, const absl::Status& status);

  const Options options_;
  Journal* const journal_;
  const server::Clock* const clock_;
  const std::shared_ptr<server::Loop> loop_;
  // Looks at files; its results come back to the loop.
  const std::shared_ptr<server::Executor> files_;
  const std::shared_ptr<server::Executor> store_;  // as files_, for what reads the store
  const std::shared_ptr<JobCache> cache_;

  mutable server::Mutex mutex_;
  std::map<std::string, JobPtr> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<PageKey, JobPtr> by_age_ ABSL_GUARDED_BY(mutex_);
  // The jobs that ended last, by when: Jobs::kMostRecent of them.
  std::map<PageKey, JobPtr> recent_ ABSL_GUARDED_BY(mutex_);

  // These are confined to the loop:
  std::deque<JobPtr> queue_;
  Shares unfinished_;
  std::map<std::string, Share> places_;  // ids of jobs that are not over: to their places
  std::set<std::string> running_;        // ids of jobs that have a worker or wait for one
  std::set<std::string> removing_;       // ids of jobs that are being deleted, with their folders
  std::map<WorkerPtr, JobPtr> assigned_;
  std::map<std::string, std::vector<DatasetUse>> held_datasets_;  // by ids of jobs not over
  std::set<std::shared_ptr<Creation>> creations_;
  std::map<int64_t, int64_t> validations_;     // calls of Validate: to the supervisor's numbers
  std::set<std::string> loading_predictions_;  // ids of those whose job is being read
  std::map<std::string, std::string> request_ids_;  // of creations: to job ids
  // Since the start: ids of jobs whose own ones the store has lost, and folders that may be theirs.
  std::vector<std::string> nameless_;
  std::set<std::string> kept_folders_;

  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> restarts_ = 0;
  std::atomic<int64_t> commands_ = 0;
  std::atomic<int64_t> queued_ = 0;
  JobCounts counts_;
  std::atomic<int64_t> predictions_ = 0;  // how many were asked for
  std::atomic<int64_t> calls_ = 0;        // how many of Create and Validate

  const Secrets secrets_;
  Supervisor supervisor_;  // last, because it calls this
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_SERVICE_IMPL_H_
