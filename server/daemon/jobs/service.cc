#include "server/daemon/jobs/service.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "proto/rules/states.h"
#include "server/common/mutex.h"
#include "server/daemon/jobs/dials.h"
#include "server/daemon/jobs/fold.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/listing.h"
#include "server/daemon/jobs/names.h"
#include "server/daemon/jobs/service_impl.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// One job's hashing does not hold up another's start.
constexpr int kFileThreads = 2;
constexpr int kStoreThreads = 2;
constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
constexpr size_t kMaxPageBytes = size_t{1} << 20;  // or one job
constexpr Shares::Kind kUnfinished = {.name = "jobs that are not over",
                                      .flag = "--max_unfinished_jobs",
                                      .advice = "wait until some have ended, or stop some",
                                      .reason = reason::kTooManyJobs};

}  // namespace

JobsServiceImpl::JobsServiceImpl(const Options& options, Secrets secrets, Journal* journal,
                                 Launcher* launcher, const server::Clock* clock)
    : options_(options),
      journal_(journal),
      clock_(clock),
      loop_(std::make_shared<server::Loop>(clock)),
      files_(options.files != nullptr ? options.files
                                      : std::make_shared<server::Executor>(kFileThreads)),
      store_(options.store != nullptr ? options.store
                                      : std::make_shared<server::Executor>(kStoreThreads)),
      cache_(std::make_shared<JobCache>(options.cache_bytes)),
      unfinished_(kUnfinished, options.max_unfinished_jobs),
      secrets_(std::move(secrets)),
      supervisor_(Supervisor::Options{.socket = options.socket,
                                      .log_dir = options.data_dir + "/workers",
                                      .lease_seconds = options.worker_lease_seconds,
                                      .max_validations = options.max_validations,
                                      .validation_seconds = options.validation_seconds,
                                      .max_guests = options.max_guests},
                  secrets_, clock, loop_, launcher, this) {}

JobsServiceImpl::~JobsServiceImpl() {
  supervisor_.StopListening();
  loop_->Stop();
  // What it still removes is removed; what it finds out is told nobody.
  if (options_.files == nullptr) files_->Stop();
  if (options_.store == nullptr) store_->Stop();
}

absl::Status JobsServiceImpl::Begin() {
  std::error_code error;
  for (const char* folder : {"/jobs", "/workers"}) {
    std::filesystem::create_directories(options_.data_dir + folder, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("Can't make the folder ", options_.data_dir, folder, ": ", error.message()));
    }
  }
  std::promise<absl::Status> loaded;
  loop_->Post([&] { loaded.set_value(Load()); });
  if (absl::Status status = loaded.get_future().get(); !status.ok()) return status;
  return supervisor_.Start();
}

Jobs::Cancel JobsServiceImpl::Create(const Caller& caller, const v1::CreateJobRequest& request,
                                     Callback<v1::Job> done) {
  const int64_t call = ++calls_;
  loop_->Post([=, this] { CreateOnLoop(caller, request, call, done); });
  return [this, loop = loop_, call] { loop->Post([this, call] { CancelCreation(call); }); };
}

Jobs::Cancel JobsServiceImpl::Validate(const Caller& caller, const v1::ValidateSpecRequest& request,
                                       Callback<v1::ValidateSpecResponse> done) {
  const int64_t call = ++calls_;
  loop_->Post([=, this] {
    const auto held = std::make_shared<std::vector<DatasetUse>>();
    const auto answer = [this, call, done, held](absl::StatusOr<worker::v1::Valid> valid) {
      validations_.erase(call);
      if (!valid.ok()) return done(valid.status());
      v1::ValidateSpecResponse response;
      response.mutable_spec()->Swap(valid->mutable_spec());
      response.mutable_summary()->Swap(valid->mutable_summary());
      FindStepSizes(response.spec(), response.mutable_summary());
      done(std::move(response));
    };
    const int64_t number =
        ValidateOnLoop(caller, request.spec(), absl::StrCat("a validation of ", caller.principal),
                       held.get(), answer);
    if (!stopping_ && number > 0) validations_[call] = number;
  });
  return [this, loop = loop_, call] {
    loop->Post([this, call] {
      const auto it = validations_.find(call);
      if (it == validations_.end()) return;
      supervisor_.CancelValidation(it->second);
      validations_.erase(it);
    });
  };
}

void JobsServiceImpl::Delete(const Caller& caller, const v1::DeleteJobRequest& request,
                             Callback<v1::DeleteJobResponse> done) {
  loop_->Post([=, this] { DeleteOnLoop(caller, request, done); });
}

void JobsServiceImpl::Command(const Caller& caller, const v1::CommandJobRequest& request,
                              Callback<v1::CommandJobResponse> done) {
  const absl::StatusOr<JobPtr> job =
      stopping_ ? absl::StatusOr<JobPtr>(ShuttingDown()) : Find(request.name());
  absl::Status status = job.status();
  if (status.ok() && request.request_id().empty()) {
    status =
        InvalidField("request_id", "must be given: it makes a retry safe", reason::kMissingField);
  }
  if (status.ok() && request.commands().empty()) {
    status = InvalidField("commands", "must name at least one command", reason::kMissingField);
  }
  if (!status.ok()) {
    loop_->Post([done, status] { done(status); });
    return;
  }
  ++commands_;
  (*job)->Command(request, caller, std::move(done));
}

absl::StatusOr<Ownership> JobsServiceImpl::OwnershipOf(const std::string& name) const {
  const absl::StatusOr<JobPtr> job = Find(name);
  if (!job.ok()) return job.status();
  return (*job)->ownership();
}

absl::StatusOr<v1::Job> JobsServiceImpl::Get(const Caller&, const std::string& name) const {
  const absl::StatusOr<JobPtr> job = Find(name);
  if (!job.ok()) return job.status();
  (*job)->AwaitLanded();
  absl::StatusOr<v1::Job> read = (*job)->Read();
  if (absl::IsNotFound(read.status())) return NoSuchJob(name);  // deleted just now
  return read;
}

absl::StatusOr<v1::ListJobsResponse> JobsServiceImpl::List(
    const Caller&, const v1::ListJobsRequest& request) const {
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
  size_t bytes = 0;
  for (const auto& [key, listed] : jobs) {
    if (!filter->Matches(listed->DurableLight())) continue;
    listed->AwaitLanded();
    absl::StatusOr<v1::Job> read = listed->ReadLight();
    if (absl::IsNotFound(read.status())) continue;  // deleted just now
    if (!read.ok()) return read.status();
    v1::Job& job = *read;
    if (job.has_last_evaluation()) LeaveOutMatrices(0, job.mutable_last_evaluation());
    bytes += job.ByteSizeLong();
    if (response.jobs_size() == page_size || (response.jobs_size() > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(EncodePageToken(last));
      break;
    }
    last = key;
    *response.add_jobs() = std::move(job);
  }
  return response;
}

std::vector<v1::Job> JobsServiceImpl::Snapshot(const Caller&) const {
  std::vector<v1::Job> jobs;
  for (const JobPtr& job : AllJobs()) jobs.push_back(job->DurableLight());
  return jobs;
}

absl::StatusOr<std::shared_ptr<JobJournal>> JobsServiceImpl::OpenJournal(
    const Caller&, const std::string& name) const {
  const absl::StatusOr<JobPtr> job = Find(name);
  if (!job.ok()) return job.status();
  return (*job)->journal();
}

Jobs::Statistics JobsServiceImpl::statistics(const Caller&) const {
  Statistics statistics;
  statistics.workers = supervisor_.workers();
  statistics.spares = supervisor_.spares();
  statistics.worker_restarts = restarts_;
  statistics.commands = commands_;
  statistics.fenced = supervisor_.fenced();
  statistics.held_back = supervisor_.held_back();
  statistics.queued = queued_;
  statistics.iterations = counts_.iterations;
  statistics.commands_applied = counts_.commands_applied;
  statistics.commands_rejected = counts_.commands_rejected;
  statistics.losses = supervisor_.losses();
  for (const LiveWorker& worker : supervisor_.live()) {
    statistics.processes.push_back(
        {worker.id, worker.process.pid, worker.process.start_ticks, worker.job});
  }
  return statistics;
}

void JobsServiceImpl::Shutdown(std::chrono::steady_clock::time_point deadline) {
  stopping_ = true;
  supervisor_.Shutdown(deadline);
  for (const JobPtr& job : AllJobs()) job->AnswerWaiters(ShuttingDown());
}

// ------------------------------------------------------------------------------------ AttemptHost

absl::Status JobsServiceImpl::OnProgram(const std::string& name, const std::string& secret) {
  const absl::StatusOr<JobPtr> job = Find(name);
  // All who are not the job's own get one answer, which does not say whether there is such a job.
  if (!job.ok() || (*job)->worker_kind() != WorkerKind::kProgram ||
      !secrets_.IsSecretOf(SecretNameOf(**job), secret)) {
    return absl::UnauthenticatedError(
        "A program names its job, and brings what is in the job's file program.secret");
  }
  if (rules::IsFinal((*job)->durable_state())) {
    return absl::FailedPreconditionError("The job is over");
  }
  if (rules::IsFinal((*job)->pending_state())) {
    return absl::UnavailableError("The job's end is not written yet: come back");
  }
  return (*job)->damage();
}

void JobsServiceImpl::OnEvents(const WorkerPtr& worker, worker::v1::EventBatch* batch,
                               const std::function<void()>& taken,
                               const SessionHandler::Resume& resume) {
  const absl::StatusOr<JobPtr> job = Find(batch->job());
  if (job.ok()) return (*job)->OnEvents(worker, batch, taken, resume);
  worker->Fence("There is no such job any more");
  taken();
  resume();
}

absl::StatusOr<worker::v1::Welcome> JobsServiceImpl::OnReconnect(const WorkerPtr& worker,
                                                                 const worker::v1::Hello& hello) {
  const absl::StatusOr<JobPtr> job = Find(hello.job());
  if (!job.ok()) return job.status();
  if (worker->kind() != (*job)->worker_kind()) {
    return absl::AbortedError("The job is not one for this worker");
  }
  absl::StatusOr<worker::v1::Welcome> welcome = (*job)->OnReconnect(worker, hello);
  if (welcome.ok()) assigned_[worker] = *job;
  return welcome;
}

void JobsServiceImpl::OnHeartbeat(const WorkerPtr& worker) {
  const auto it = assigned_.find(worker);
  if (it != assigned_.end()) it->second->OnHeartbeat(worker);
}

void JobsServiceImpl::OnUnstarted(const WorkerPtr& worker) {
  const auto it = assigned_.find(worker);
  if (it != assigned_.end()) it->second->OnUnstarted(worker);
}

void JobsServiceImpl::OnUnreadable(const WorkerPtr& worker, const std::string& problem,
                                   const std::string& request_id) {
  const auto it = assigned_.find(worker);
  if (it != assigned_.end()) it->second->OnUnreadable(worker, problem, request_id);
}

void JobsServiceImpl::OnLost(const WorkerPtr& worker, const std::string& cause, bool clean) {
  const auto it = assigned_.find(worker);
  if (it == assigned_.end()) return;
  const JobPtr job = it->second;
  assigned_.erase(it);
  const bool was_final = rules::IsFinal(job->pending_state());
  job->OnLost(worker, cause, clean, stopping_);
  if (!was_final && !stopping_) ++restarts_;
}

// ---------------------------------------------------------------------------------------- Finding

absl::StatusOr<JobPtr> JobsServiceImpl::Find(const std::string& name) const {
  const absl::StatusOr<std::string> id = ParseJobName(name);
  if (!id.ok()) return id.status();
  MutexLock lock(mutex_);
  const auto it = jobs_.find(*id);
  if (it == jobs_.end()) return NoSuchJob(name);
  return it->second;
}

std::vector<JobPtr> JobsServiceImpl::AllJobs() const {
  MutexLock lock(mutex_);
  std::vector<JobPtr> jobs;
  for (const auto& [key, job] : by_age_) jobs.push_back(job);
  return jobs;
}

absl::StatusOr<std::unique_ptr<JobsService>> JobsService::Open(const Options& options,
                                                               Journal* journal, Launcher* launcher,
                                                               const server::Clock* clock) {
  absl::StatusOr<Secrets> secrets = Secrets::Open(options.data_dir + "/worker.key");
  if (!secrets.ok()) return secrets.status();
  auto service =
      std::make_unique<JobsServiceImpl>(options, *std::move(secrets), journal, launcher, clock);
  if (absl::Status status = service->Begin(); !status.ok()) return status;
  return service;
}

}  // namespace descent::daemon
