// The part of the service that is confined to its loop: the start, the queue, the end of a job.

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/service_impl.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {

using server::LogInfo;
using server::MutexLock;

std::string JobsServiceImpl::DirOf(const std::string& job_id) const {
  return absl::StrCat(options_.data_dir, "/jobs/", job_id);
}

Job::Environment JobsServiceImpl::EnvironmentOf(const std::string& job_id) {
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

void JobsServiceImpl::Insert(const JobPtr& job) {
  const uint64_t created = job->DurableLight().create_time_unix_nanos();
  MutexLock lock(mutex_);
  jobs_[job->id()] = job;
  by_age_[{created, job->id()}] = job;
}

// --------------------------------------------------------------------------------------- The start

absl::Status JobsServiceImpl::Load() {
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

void JobsServiceImpl::TakeUp(const JobPtr& job) {
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

void JobsServiceImpl::ReadRequestIds() {
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

// --------------------------------------------------------------------------------------- The queue

void JobsServiceImpl::Schedule() {
  while (!queue_.empty() && static_cast<int>(running_.size()) < options_.max_running_jobs) {
    const JobPtr job = queue_.front();
    queue_.pop_front();
    if (IsFinal(job->pending_state())) continue;
    running_.insert(job->id());
    Acquire(job);
  }
  queued_ = static_cast<int64_t>(queue_.size());
}

void JobsServiceImpl::Acquire(const JobPtr& job) {
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

void JobsServiceImpl::Finished(const JobPtr& job) {
  LogInfo(absl::StrCat("jobs/", job->id()), v1::JobState_Name(job->pending_state()));
  supervisor_.CancelAcquire(job->id());
  running_.erase(job->id());
  std::erase(queue_, job);
  Schedule();
}

}  // namespace descent::daemon
