#include "server/daemon/jobs/service.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/jobs/fold.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/listing.h"
#include "server/daemon/jobs/names.h"
#include "server/daemon/journal/entries.h"
#include "server/common/loop.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {
namespace {

using google::protobuf::util::MessageDifferencer;
using server::LogInfo;
using server::MutexLock;
using JobPtr = std::shared_ptr<Job>;

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;

absl::Status RequestIdReused(const std::string& request_id) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("request_id \"", request_id,
                                "\" was used for another job; draw a fresh one for each request"),
                   "REQUEST_ID_REUSED");
}

absl::Status ShuttingDown() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "The daemon is shutting down; ask again, with the same request_id, when it is "
                   "back",
                   "SHUTTING_DOWN");
}

// Whether a job may have come of this request: what the request says is what the job has. (The
// journal keeps the resolved spec, not what was asked.)
bool MayBeOf(const v1::CreateJobRequest& request, const v1::Job& job) {
  if (!request.job_id().empty() && job.name() != "jobs/" + request.job_id()) return false;
  if (request.job().display_name() != job.display_name()) return false;
  v1::Job asked;
  v1::Job has;
  *asked.mutable_labels() = request.job().labels();
  *has.mutable_labels() = job.labels();
  if (!MessageDifferencer::Equals(asked, has)) return false;
  MessageDifferencer differencer;
  differencer.set_scope(MessageDifferencer::PARTIAL);
  return differencer.Compare(request.job().spec(), job.spec());
}

class JobsServiceImpl : public JobsService, public AttemptHost {
 public:
  JobsServiceImpl(const Options& options, Journal* journal, Processes* processes,
                  const server::Clock* clock)
      : options_(options),
        journal_(journal),
        clock_(clock),
        loop_(std::make_shared<server::Loop>(clock)),
        supervisor_(Supervisor::Options{.socket = options.socket,
                                        .log_dir = options.data_dir + "/workers",
                                        .lease_seconds = options.worker_lease_seconds},
                    clock, loop_, processes, this) {}

  ~JobsServiceImpl() override {
    supervisor_.StopListening();
    loop_->Stop();
  }

  absl::Status Begin() {
    std::error_code error;
    for (const char* folder : {"/jobs", "/workers"}) {
      std::filesystem::create_directories(options_.data_dir + folder, error);
      if (error) {
        return absl::UnavailableError(absl::StrCat("Can't make the folder ", options_.data_dir,
                                                   folder, ": ", error.message()));
      }
    }
    std::promise<absl::Status> loaded;
    loop_->Post([&] { loaded.set_value(Load()); });
    if (absl::Status status = loaded.get_future().get(); !status.ok()) return status;
    loop_->Post([this] { ReadRequestIds(); });
    return supervisor_.Start();
  }

  // ------------------------------------------------------------------------------------- Jobs

  void Create(const v1::CreateJobRequest& request, const std::string& principal,
              Callback<v1::Job> done) override {
    loop_->Post([=, this] { CreateOnLoop(request, principal, done); });
  }

  void Validate(const v1::ValidateSpecRequest& request,
                Callback<v1::ValidateSpecResponse> done) override {
    loop_->Post([=, this] {
      supervisor_.Validate(request.spec(), [done](absl::StatusOr<worker::v1::Valid> valid) {
        if (!valid.ok()) return done(valid.status());
        v1::ValidateSpecResponse response;
        response.mutable_spec()->Swap(valid->mutable_spec());
        response.mutable_summary()->Swap(valid->mutable_summary());
        done(std::move(response));
      });
    });
  }

  void Delete(const v1::DeleteJobRequest& request, const std::string& principal,
              Callback<v1::DeleteJobResponse> done) override {
    loop_->Post([=, this] { DeleteOnLoop(request, principal, done); });
  }

  void Command(const v1::CommandJobRequest& request, const std::string& principal,
               Callback<v1::CommandJobResponse> done) override {
    const absl::StatusOr<JobPtr> job =
        stopping_ ? absl::StatusOr<JobPtr>(ShuttingDown()) : Find(request.name());
    absl::Status status = job.status();
    if (status.ok() && request.request_id().empty()) {
      status = InvalidField("request_id", "must be given: it makes a retry safe", "REQUIRED");
    }
    if (status.ok() && request.commands().empty()) {
      status = InvalidField("commands", "must name at least one command", "REQUIRED");
    }
    if (!status.ok()) {
      loop_->Post([done, status] { done(status); });
      return;
    }
    ++commands_;
    (*job)->Command(request, principal, std::move(done));
  }

  absl::StatusOr<v1::Job> Get(const std::string& name) const override {
    const absl::StatusOr<JobPtr> job = Find(name);
    if (!job.ok()) return job.status();
    return (*job)->Durable();
  }

  absl::StatusOr<v1::ListJobsResponse> List(const v1::ListJobsRequest& request) const override {
    if (request.page_size() < 0) return InvalidField("page_size", "must not be negative");
    const int page_size =
        request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
    const absl::StatusOr<JobFilter> filter = JobFilter::Parse(request.filter());
    if (!filter.ok()) return filter.status();
    std::vector<std::pair<PageKey, JobPtr>> jobs;  // newest first
    {
      MutexLock lock(mutex_);
      auto begin = by_age_.rbegin();
      if (!request.page_token().empty()) {
        const absl::StatusOr<PageKey> after = DecodePageToken(request.page_token());
        if (!after.ok()) return after.status();
        begin = std::make_reverse_iterator(by_age_.lower_bound(*after));
      }
      jobs.assign(begin, by_age_.rend());
    }
    v1::ListJobsResponse response;
    PageKey last;
    for (const auto& [key, listed] : jobs) {
      v1::Job job = listed->DurableLight();
      if (!filter->Matches(job)) continue;
      if (response.jobs_size() == page_size) {
        response.set_next_page_token(EncodePageToken(last));
        break;
      }
      last = key;
      *response.add_jobs() = std::move(job);
    }
    return response;
  }

  std::vector<v1::Job> Snapshot() const override {
    std::vector<v1::Job> jobs;
    for (const JobPtr& job : AllJobs()) jobs.push_back(job->DurableLight());
    return jobs;
  }

  absl::StatusOr<std::shared_ptr<JobJournal>> OpenJournal(const std::string& name) const override {
    const absl::StatusOr<JobPtr> job = Find(name);
    if (!job.ok()) return job.status();
    return (*job)->journal();
  }

  Statistics statistics() const override {
    Statistics statistics;
    statistics.workers = supervisor_.workers();
    statistics.spares = supervisor_.spares();
    statistics.worker_restarts = restarts_;
    statistics.commands = commands_;
    statistics.fenced = supervisor_.fenced();
    statistics.queued = queued_;
    return statistics;
  }

  // ------------------------------------------------------------------------------ JobsService

  void Shutdown(std::chrono::steady_clock::time_point deadline) override {
    stopping_ = true;
    supervisor_.Shutdown(deadline);
    for (const JobPtr& job : AllJobs()) job->AnswerWaiters(ShuttingDown());
  }

  void Wake() override { loop_->Wake(); }

  // ------------------------------------------------------------------------------ AttemptHost

  Taken OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch, bool on_loop) override {
    const absl::StatusOr<JobPtr> job = Find(batch->job());
    if (!job.ok()) {
      worker->Fence("There is no such job any more");
      return Taken::kTaken;
    }
    return (*job)->OnEvents(worker, batch, on_loop);
  }

  absl::StatusOr<worker::v1::Welcome> OnReconnect(const WorkerPtr& worker,
                                                  const worker::v1::Hello& hello) override {
    const absl::StatusOr<JobPtr> job = Find(hello.job());
    if (!job.ok()) return job.status();
    absl::StatusOr<worker::v1::Welcome> welcome = (*job)->OnReconnect(worker, hello);
    if (welcome.ok()) assigned_[worker] = *job;
    return welcome;
  }

  void OnHeartbeat(const WorkerPtr& worker) override {
    const auto it = assigned_.find(worker);
    if (it != assigned_.end()) it->second->OnHeartbeat(worker);
  }

  void OnUnstarted(const WorkerPtr& worker) override {
    const auto it = assigned_.find(worker);
    if (it != assigned_.end()) it->second->OnUnstarted(worker);
  }

  void OnLost(const WorkerPtr& worker, const std::string& cause, bool clean) override {
    const auto it = assigned_.find(worker);
    if (it == assigned_.end()) return;
    const JobPtr job = it->second;
    assigned_.erase(it);
    const bool was_final = IsFinal(job->pending_state());
    job->OnLost(worker, cause, clean, stopping_);
    if (!was_final && !stopping_) ++restarts_;
  }

 private:
  struct Creation {
    v1::CreateJobRequest request;
    std::string job_id;
    std::string principal;
    std::vector<Callback<v1::Job>> waiters;
  };

  absl::StatusOr<JobPtr> Find(const std::string& name) const ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::StatusOr<std::string> id = ParseJobName(name);
    if (!id.ok()) return id.status();
    MutexLock lock(mutex_);
    const auto it = jobs_.find(*id);
    if (it == jobs_.end()) return NoSuchJob(name);
    return it->second;
  }

  std::vector<JobPtr> AllJobs() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    std::vector<JobPtr> jobs;
    for (const auto& [key, job] : by_age_) jobs.push_back(job);
    return jobs;
  }

  std::string DirOf(const std::string& job_id) const {
    return absl::StrCat(options_.data_dir, "/jobs/", job_id);
  }

  Job::Environment EnvironmentOf(const std::string& job_id) {
    Job::Environment environment;
    environment.clock = clock_;
    environment.loop = loop_;
    environment.supervisor = &supervisor_;
    environment.dir = DirOf(job_id);
    environment.wants_worker = [this](const JobPtr& job, int64_t delay) {
      loop_->PostAfter(delay, [this, job] { Acquire(job); });
    };
    environment.finished = [this](const JobPtr& job) { Finished(job); };
    return environment;
  }

  void Insert(const JobPtr& job) ABSL_LOCKS_EXCLUDED(mutex_) {
    const uint64_t created = job->DurableLight().create_time_unix_nanos();
    MutexLock lock(mutex_);
    jobs_[job->id()] = job;
    by_age_[{created, job->id()}] = job;
  }

  // --------------------------------------------------------------------- On the loop: start

  absl::Status Load() {
    absl::StatusOr<std::vector<StoredJob>> stored_jobs = journal_->Jobs();
    if (!stored_jobs.ok()) return stored_jobs.status();
    for (const StoredJob& stored : *stored_jobs) {
      auto job = std::make_shared<Job>(EnvironmentOf(stored.journal->job_id()), stored);
      if (!IsFinal(stored.snapshot.state())) {
        if (absl::Status status = job->LoadHistory(); !status.ok()) return status;
        TakeUp(job);
      }
      Insert(job);
    }
    Schedule();
    return absl::OkStatus();
  }

  void TakeUp(const JobPtr& job) {
    const v1::JobState state = job->pending_state();
    if (IsFinal(state)) return;
    if (state == v1::QUEUED) {
      queue_.push_back(job);
      return;
    }
    running_.insert(job->id());
    const WorkerPtr worker = supervisor_.Await(job->RunningProcess());
    assigned_[worker] = job;
    job->AwaitWorker(worker);
  }

  void ReadRequestIds() {
    for (const JobPtr& job : AllJobs()) {
      const absl::StatusOr<std::vector<RowPtr>> rows = job->journal()->Read(0, 1, {v1::CREATED});
      if (!rows.ok() || rows->empty()) continue;
      for (const Entry& entry : Entries(*rows->front())) {
        v1::Event event;
        if (event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size())) &&
            !event.created().request_id().empty()) {
          request_ids_[event.created().request_id()] = job->id();
        }
      }
    }
  }

  // ------------------------------------------------------------------- On the loop: the queue

  void Schedule() {
    while (!queue_.empty() && static_cast<int>(running_.size()) < options_.max_running_jobs) {
      const JobPtr job = queue_.front();
      queue_.pop_front();
      if (IsFinal(job->pending_state())) continue;
      running_.insert(job->id());
      Acquire(job);
    }
    queued_ = static_cast<int64_t>(queue_.size());
  }

  void Acquire(const JobPtr& job) {
    if (stopping_ || IsFinal(job->pending_state())) return;
    supervisor_.Acquire(job->id(), [this, job](const WorkerPtr& worker) {
      // Nobody is told of the end of a fenced one.
      std::erase_if(assigned_, [](const auto& entry) { return entry.first->fenced(); });
      assigned_[worker] = job;
      if (job->StartAttempt(worker)) return;
      assigned_.erase(worker);
      supervisor_.Release(worker);
    });
  }

  void Finished(const JobPtr& job) {
    LogInfo(absl::StrCat("jobs/", job->id()), v1::JobState_Name(job->pending_state()));
    supervisor_.CancelAcquire(job->id());
    running_.erase(job->id());
    std::erase(queue_, job);
    Schedule();
  }

  // ---------------------------------------------------------------------- On the loop: Create

  void CreateOnLoop(const v1::CreateJobRequest& request, const std::string& principal,
                    const Callback<v1::Job>& done) {
    if (stopping_) return done(ShuttingDown());
    const std::string& request_id = request.request_id();
    if (!request_id.empty()) {
      if (const auto it = request_ids_.find(request_id); it != request_ids_.end()) {
        const absl::StatusOr<v1::Job> job = Get("jobs/" + it->second);
        if (!job.ok()) return done(job.status());
        return done(MayBeOf(request, *job) ? job : RequestIdReused(request_id));
      }
      for (const std::shared_ptr<Creation>& creation : creations_) {
        if (creation->request.request_id() != request_id) continue;
        if (!MessageDifferencer::Equals(creation->request, request)) {
          return done(RequestIdReused(request_id));
        }
        creation->waiters.push_back(done);
        return;
      }
    }
    auto creation = std::make_shared<Creation>();
    creation->request = request;
    creation->principal = principal;
    creation->waiters.push_back(done);
    if (request.job_id().empty()) {
      do {
        creation->job_id = DrawJobId();
      } while (IsTaken(creation->job_id));
    } else {
      if (absl::Status status = CheckJobId(request.job_id()); !status.ok()) return done(status);
      if (IsTaken(request.job_id())) return done(JobExists(request.job_id()));
      creation->job_id = request.job_id();
    }
    creations_.insert(creation);
    supervisor_.Validate(
        request.job().spec(), [this, creation](absl::StatusOr<worker::v1::Valid> valid) {
          creations_.erase(creation);
          const absl::StatusOr<v1::Job> job =
              valid.ok() ? CreateValid(*creation, *valid) : absl::StatusOr<v1::Job>(valid.status());
          for (const auto& waiter : creation->waiters) waiter(job);
        });
  }

  static absl::Status JobExists(const std::string& job_id) {
    return MakeError(absl::StatusCode::kAlreadyExists,
                     absl::StrCat("There is a job jobs/", job_id,
                                  " already; choose another job_id, or leave it out"),
                     "JOB_EXISTS");
  }

  bool IsTaken(const std::string& job_id) const ABSL_LOCKS_EXCLUDED(mutex_) {
    for (const std::shared_ptr<Creation>& creation : creations_) {
      if (creation->job_id == job_id) return true;
    }
    MutexLock lock(mutex_);
    return jobs_.count(job_id) > 0;
  }

  absl::StatusOr<v1::Job> CreateValid(const Creation& creation, const worker::v1::Valid& valid) {
    if (stopping_) return ShuttingDown();
    const auto now = static_cast<uint64_t>(clock_->WallNanos());
    v1::Event created;
    created.set_revision(1);
    created.set_time_unix_nanos(now);
    *created.mutable_created()->mutable_spec() = valid.spec();
    created.mutable_created()->set_display_name(creation.request.job().display_name());
    *created.mutable_created()->mutable_labels() = creation.request.job().labels();
    *created.mutable_created()->mutable_summary() = valid.summary();
    created.mutable_created()->set_principal(creation.principal);
    created.mutable_created()->set_request_id(creation.request.request_id());
    v1::Event queued;
    queued.set_revision(2);
    queued.set_time_unix_nanos(now);
    queued.mutable_state_changed()->set_state(v1::QUEUED);

    std::error_code error;
    std::filesystem::remove_all(DirOf(creation.job_id), error);  // of a deleted namesake
    std::filesystem::create_directories(DirOf(creation.job_id) + "/checkpoints", error);
    if (error) {
      return MakeError(absl::StatusCode::kUnavailable,
                       absl::StrCat("Can't make the job's folder ", DirOf(creation.job_id), ": ",
                                    error.message()),
                       "STORE_FAILED");
    }
    const std::vector<v1::Event> events = {created, queued};
    JobFold fold(creation.job_id);
    std::vector<PendingEvent> pending;
    for (const v1::Event& event : events) {
      fold.Apply(event);
      v1::Event unnumbered = event;
      unnumbered.clear_revision();
      pending.push_back(ToPending(unnumbered));
    }
    absl::StatusOr<std::shared_ptr<JobJournal>> journal =
        journal_->CreateJob(creation.job_id, std::move(pending), fold.Full());
    if (!journal.ok()) return journal.status();
    auto job = std::make_shared<Job>(EnvironmentOf(creation.job_id), *std::move(journal), events);
    Insert(job);
    if (!creation.request.request_id().empty()) {
      request_ids_[creation.request.request_id()] = job->id();
    }
    LogInfo(absl::StrCat("jobs/", job->id()),
            absl::StrCat("created by ", creation.principal.empty() ? "?" : creation.principal));
    v1::Job answer = job->Durable();
    queue_.push_back(std::move(job));
    Schedule();
    return answer;
  }

  // ---------------------------------------------------------------------- On the loop: Delete

  void DeleteOnLoop(const v1::DeleteJobRequest& request, const std::string& principal,
                    const Callback<v1::DeleteJobResponse>& done) {
    if (stopping_) return done(ShuttingDown());
    const absl::StatusOr<JobPtr> found = Find(request.name());
    if (!found.ok()) return done(found.status());
    const JobPtr& job = *found;
    if (!IsFinal(job->pending_state()) && !request.force()) {
      return done(MakeError(
          absl::StatusCode::kFailedPrecondition,
          absl::StrCat(request.name(), " is not over (", v1::JobState_Name(job->pending_state()),
                       "): stop it first, or use force"),
          "JOB_NOT_FINISHED"));
    }
    const WorkerPtr worker = job->Abandon(absl::StrCat("deleted by ", principal));
    // Its worker may be about to write a checkpoint: wait until it is gone, but not for ever.
    auto remove = [this, job, done, removed = std::make_shared<bool>(false)] {
      if (!std::exchange(*removed, true)) Remove(job, done);
    };
    if (worker == nullptr) return remove();
    supervisor_.WhenGone(worker, remove);
    loop_->PostAfter(static_cast<int64_t>(options_.worker_lease_seconds * 1e9), remove);
  }

  void Remove(const JobPtr& job, const Callback<v1::DeleteJobResponse>& done) {
    {
      MutexLock lock(mutex_);
      const auto it = jobs_.find(job->id());
      if (it == jobs_.end() || it->second != job) return done(NoSuchJob("jobs/" + job->id()));
      jobs_.erase(it);
      std::erase_if(by_age_, [&](const auto& entry) { return entry.second == job; });
    }
    std::erase_if(request_ids_, [&](const auto& entry) { return entry.second == job->id(); });
    Finished(job);
    if (absl::Status status = journal_->DeleteJob(job->id()); !status.ok()) return done(status);
    std::error_code ignored;
    std::filesystem::remove_all(DirOf(job->id()), ignored);
    done(v1::DeleteJobResponse());
  }

  const Options options_;
  Journal* const journal_;
  const server::Clock* const clock_;
  const std::shared_ptr<server::Loop> loop_;

  mutable server::Mutex mutex_;
  std::map<std::string, JobPtr> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<PageKey, JobPtr> by_age_ ABSL_GUARDED_BY(mutex_);

  // Confined to the loop:
  std::deque<JobPtr> queue_;
  std::set<std::string> running_;  // ids of jobs that have a worker or wait for one
  std::map<WorkerPtr, JobPtr> assigned_;
  std::set<std::shared_ptr<Creation>> creations_;
  std::map<std::string, std::string> request_ids_;  // of creations: to job ids

  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> restarts_ = 0;
  std::atomic<int64_t> commands_ = 0;
  std::atomic<int64_t> queued_ = 0;

  Supervisor supervisor_;  // last: it calls
};

}  // namespace

absl::StatusOr<std::unique_ptr<JobsService>> JobsService::Open(const Options& options,
                                                               Journal* journal,
                                                               Processes* processes,
                                                               const server::Clock* clock) {
  auto service = std::make_unique<JobsServiceImpl>(options, journal, processes, clock);
  if (absl::Status status = service->Begin(); !status.ok()) return status;
  return service;
}

}  // namespace descent::daemon
