// The part of the service that is confined to its loop: the start, the queue, the end of a job.

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files/private_file.h"
#include "proto/rules/names.h"
#include "proto/rules/states.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/datasets/spec_datasets.h"
#include "server/daemon/jobs/digest.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/service_impl.h"

namespace descent::daemon {

using server::LogError;
using server::LogInfo;
using server::LogWarning;
using server::MutexLock;

namespace {

bool HasFiles(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (!entry.is_directory(error)) return true;
  }
  return false;
}

}  // namespace

std::string JobsServiceImpl::DirOf(const std::string& job_id) const {
  return absl::StrCat(options_.data_dir, "/jobs/", job_id);
}

Job::Environment JobsServiceImpl::EnvironmentOf(const std::string& job_id) {
  Job::Environment environment;
  environment.clock = clock_;
  environment.loop = loop_;
  environment.files = files_;
  environment.digest = options_.digest ? options_.digest : FileSha256;
  environment.store = store_;
  environment.cache = cache_;
  environment.supervisor = &supervisor_;
  environment.dir = DirOf(job_id);
  environment.datasets = options_.data_dir + "/datasets";
  environment.counts = &counts_;
  environment.wants_worker = [this](const JobPtr& job, int64_t delay) {
    loop_->PostAfter(delay, [this, job] { Acquire(job); });
  };
  environment.finished = [this](const JobPtr& job) { Finished(job); };
  return environment;
}

void JobsServiceImpl::Insert(const JobPtr& job) {
  const uint64_t created = job->DurableLight().create_time_unix_nanos();
  {
    MutexLock lock(mutex_);
    jobs_[job->id()] = job;
    by_age_[{created, job->id()}] = job;
  }
  CountRecent(job);
  // Damage is found by whoever reads or writes the journal, on any thread.
  job->journal()->OnDamage([this, loop = std::weak_ptr<server::Loop>(loop_),
                            weak = std::weak_ptr<Job>(job)](const absl::Status& damage) {
    const std::shared_ptr<server::Loop> here = loop.lock();
    if (here == nullptr) return;
    here->Post([this, weak, damage] {
      const JobPtr damaged = weak.lock();
      if (damaged == nullptr) return;
      damaged->LeaveService(damage);
      Finished(damaged);
    });
  });
}

void JobsServiceImpl::CountRecent(const JobPtr& job) {
  const v1::Job light = job->DurableLight();
  if (!rules::IsFinal(light.state())) return;
  JobPtr oldest;
  {
    MutexLock lock(mutex_);
    const auto known = jobs_.find(job->id());
    if (known == jobs_.end() || known->second != job) return;  // deleted
    recent_[{light.end_time_unix_nanos(), job->id()}] = job;
    if (recent_.size() <= kMostRecent) return;
    oldest = recent_.begin()->second;
    recent_.erase(recent_.begin());
  }
  oldest->Fade();
}

// --------------------------------------------------------------------------------------- The start

absl::Status JobsServiceImpl::Load() {
  absl::Status status = journal_->ReadJobs([this](const StoredJob& stored) {
    if (stored.name_is_lost) nameless_.push_back(stored.journal->job_id());
    auto job = std::make_shared<Job>(EnvironmentOf(stored.journal->job_id()), stored);
    if (!rules::IsFinal(stored.snapshot.state())) {
      absl::Status loaded = job->LoadHistory();
      if (!loaded.ok() && !absl::IsDataLoss(loaded)) return loaded;
      if (loaded.ok()) {
        Hold(job);
        TakeUp(job);
      }
    }
    if (!stored.request_id.empty()) request_ids_[stored.request_id] = job->id();
    Insert(job);
    return absl::OkStatus();
  });
  if (status.ok()) status = SweepFolders();
  if (!status.ok()) return status;
  Schedule();
  return absl::OkStatus();
}

void JobsServiceImpl::Hold(const JobPtr& job) {
  const absl::StatusOr<v1::Job> read = job->Read();
  if (!read.ok()) return;
  // If one is gone, the worker says so: the job may still end well, having read all it needs.
  const absl::Status held = HoldDatasets(options_.datasets, rules::JobName(job->id()), read->spec(),
                                         &held_datasets_[job->id()]);
  if (!held.ok()) LogWarning({.job = rules::JobName(job->id())}, std::string(held.message()));
}

void JobsServiceImpl::TakeUp(const JobPtr& job) {
  const v1::JobState state = job->pending_state();
  if (rules::IsFinal(state)) return;
  places_[job->id()] = unfinished_.TakeAnyway(job->ownership().owner);
  if (state == v1::QUEUED) return Enqueue(job);
  if (job->worker_kind() == WorkerKind::kLayers) running_.insert(job->id());
  OfferSecret(job);
  const WorkerPtr worker = supervisor_.Await(job->id(), job->worker_kind(), job->RunningProcess());
  assigned_[worker] = job;
  job->AwaitWorker(worker);
}

absl::Status JobsServiceImpl::SweepFolders() {
  absl::StatusOr<std::vector<std::string>> deleted = journal_->FoldersToRemove();
  if (!deleted.ok()) return deleted.status();
  for (const std::string& id : *deleted) {
    if (!HasJob(id)) RemoveFolder(id);
  }

  const std::string folder = options_.data_dir + "/jobs";
  std::error_code error;
  std::vector<std::string> strangers;  // those that are no job's, with files in them
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (HasJob(name)) continue;
    if (!entry.is_directory(error)) continue;
    if (HasFiles(entry.path())) {
      strangers.push_back(name);
    } else {  // it is of a creation that was cut short
      std::filesystem::remove_all(entry.path(), error);
    }
  }
  if (strangers.empty()) return absl::OkStatus();
  std::sort(strangers.begin(), strangers.end());
  const size_t more = strangers.size() - std::min<size_t>(strangers.size(), 5);
  const std::string named = absl::StrCat(
      absl::StrJoin(strangers.begin(), strangers.end() - static_cast<int64_t>(more), ", "),
      more > 0 ? absl::StrCat(" and ", more, " more") : "");
  if (journal_->is_new() && !options_.new_store) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The store has no jobs, but ", folder, " has folders of jobs (", named,
        "): descent.db was lost. Put it back from a copy; or begin anew with --new_store, which "
        "moves the folders to ",
        options_.data_dir, "/orphans"));
  }
  if (!nameless_.empty()) {
    // No deletion was noted, so that one of these may be what is left of such a job.
    kept_folders_.insert(strangers.begin(), strangers.end());
    LogError("store",
             absl::StrCat("the store has lost the names of ", absl::StrJoin(nameless_, ", "),
                          "; the folders ", named, " in ", folder,
                          " may be theirs, and stay where they are. Once these jobs are deleted, "
                          "the next start moves the folders to ",
                          options_.data_dir, "/orphans"));
    return absl::OkStatus();
  }
  const std::string orphans = options_.data_dir + "/orphans";
  std::filesystem::create_directories(orphans, error);
  for (const std::string& name : strangers) {
    std::string to = absl::StrCat(orphans, "/", name);
    for (int i = 2; std::filesystem::exists(to, error); ++i) {
      to = absl::StrCat(orphans, "/", name, ".", i);
    }
    std::filesystem::rename(absl::StrCat(folder, "/", name), to, error);
  }
  LogWarning("store", absl::StrCat("folders of jobs that are not in the store were moved to ",
                                   orphans, ": ", named));
  return absl::OkStatus();
}

bool JobsServiceImpl::HasJob(const std::string& id) const {
  MutexLock lock(mutex_);
  return jobs_.count(id) > 0;
}

void JobsServiceImpl::RemoveFolder(const std::string& id) {
  std::error_code error;
  std::filesystem::remove_all(DirOf(id), error);
  if (!error) journal_->ForgetFolder(id);
}

// --------------------------------------------------------------------------------------- The queue

void JobsServiceImpl::Schedule() {
  while (!queue_.empty() && static_cast<int>(running_.size()) < options_.max_running_jobs) {
    const JobPtr job = queue_.front();
    queue_.pop_front();
    if (rules::IsFinal(job->pending_state()) || !job->damage().ok()) continue;
    running_.insert(job->id());
    Acquire(job);
  }
  queued_ = static_cast<int64_t>(queue_.size());
}

void JobsServiceImpl::Enqueue(const JobPtr& job) {
  if (job->worker_kind() == WorkerKind::kLayers) return queue_.push_back(job);
  OfferSecret(job);
  Acquire(job);
}

std::string JobsServiceImpl::SecretNameOf(const Job& job) {
  return absl::StrCat("program/", job.id(), "/", job.DurableLight().create_time_unix_nanos());
}

std::string JobsServiceImpl::SecretFileOf(const Job& job) const {
  return DirOf(job.id()) + "/program.secret";
}

void JobsServiceImpl::OfferSecret(const JobPtr& job) const {
  if (job->worker_kind() != WorkerKind::kProgram) return;
  const absl::Status written =
      WritePrivateFile(SecretFileOf(*job), secrets_.Of(SecretNameOf(*job)) + "\n");
  if (!written.ok()) LogWarning({.job = rules::JobName(job->id())}, std::string(written.message()));
}

void JobsServiceImpl::Acquire(const JobPtr& job) {
  if (stopping_ || rules::IsFinal(job->pending_state()) || !job->damage().ok()) return;
  supervisor_.Acquire(job->id(), job->worker_kind(), [this, job](const WorkerPtr& worker) {
    // Nobody is told of the end of a fenced one.
    std::erase_if(assigned_, [](const auto& entry) { return entry.first->fenced(); });
    assigned_[worker] = job;
    job->StartAttempt(worker, [this, worker] {
      assigned_.erase(worker);
      if (!worker->fenced()) supervisor_.Release(worker);
    });
  });
}

void JobsServiceImpl::Finished(const JobPtr& job) {
  LogInfo({.job = rules::JobName(job->id())}, v1::JobState_Name(job->pending_state()));
  CountRecent(job);
  GiveWay(job);
}

void JobsServiceImpl::GiveWay(const JobPtr& job) {
  supervisor_.CancelAcquire(job->id());
  if (job->worker_kind() == WorkerKind::kProgram) {
    std::error_code error;
    std::filesystem::remove(SecretFileOf(*job), error);
  }
  places_.erase(job->id());
  running_.erase(job->id());
  held_datasets_.erase(job->id());
  std::erase(queue_, job);
  Schedule();
}

}  // namespace descent::daemon
