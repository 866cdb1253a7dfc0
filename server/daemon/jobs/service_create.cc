// The part of the service that makes and deletes jobs, on its loop.

#include <google/protobuf/util/message_differencer.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "proto/rules/states.h"
#include "proto/rules/trace_context.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/audit/acts.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/datasets/spec_datasets.h"
#include "server/daemon/jobs/dials.h"
#include "server/daemon/jobs/fold.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/names.h"
#include "server/daemon/jobs/origin.h"
#include "server/daemon/jobs/program.h"
#include "server/daemon/jobs/service_impl.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {
namespace {

using google::protobuf::util::MessageDifferencer;
using server::LogInfo;
using server::MutexLock;

absl::Status RequestIdReused(const std::string& request_id) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("request_id \"", request_id,
                                "\" was used for another job; draw a fresh one for each request"),
                   reason::kRequestIdReused);
}

absl::Status JobExists(const std::string& job_id) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("There is a job jobs/", job_id,
                                " already; choose another job_id, or leave it out"),
                   reason::kJobExists);
}

// Gives why it can't be done while nothing can be written, or OK if it can. Another program's lock
// is waited for: it is held for moments.
absl::Status CheckStore(const Journal& journal, const std::string& sentence,
                        const std::string& advice) {
  const absl::Status stalled = journal.stalled();
  const std::string reason = GetErrorDetail(stalled).reason;
  if (stalled.ok() || reason == reason::kStoreLocked) return absl::OkStatus();
  return MakeError(stalled.code(),
                   absl::StrCat(sentence, ": ", std::string(stalled.message()),
                                reason == reason::kDiskFull ? absl::StrCat(". ", advice) : ""),
                   reason);
}

// Gives why a job with such a model is refused, if it is.
absl::Status CheckParameters(const worker::v1::Valid& valid, int64_t most) {
  const int64_t parameters = valid.summary().parameters();
  if (parameters <= most) return absl::OkStatus();
  return InvalidField("spec",
                      absl::StrCat("has ", parameters, " parameters, more than the ", most,
                                   " that this daemon allows (--max_parameters)"),
                      reason::kTooLarge);
}

absl::Status FolderIsKept(const std::string& job_id) {
  return MakeError(
      absl::StatusCode::kAlreadyExists,
      absl::StrCat("jobs/", job_id,
                   " has a folder that may be that of a job whose name the store has "
                   "lost; choose another job_id, or leave it out. (When the jobs that lost theirs "
                   "are deleted, the next start of descentd moves it to orphans/.)"),
      reason::kJobExists);
}

// Gives what is written down of a deletion, before it is carried out: what the journal has of
// people's acts, as far as it can be read, and then this one.
AuditLog::Record RecordOf(const Job& job, const Caller& caller) {
  AuditLog::Record record;
  absl::StatusOr<std::vector<v1::AuditEntry>> acts = ActsOf(*job.journal());
  if (acts.ok()) record.mutable_entries()->Add(acts->begin(), acts->end());
  const Ownership ownership = job.ownership();
  v1::AuditEntry& entry = *record.add_entries();
  entry.set_principal(caller.principal);
  entry.set_credential(caller.credential);
  entry.set_method("DeleteJob");
  entry.set_outcome(v1::AuditEntry::DONE);
  entry.set_job(rules::JobName(job.id()));
  entry.set_owner(ownership.owner);
  entry.set_group(ownership.group);
  SetTrace(caller, entry);
  if (!acts.ok()) entry.set_message(std::string(acts.status().message()));
  for (v1::AuditEntry& written : *record.mutable_entries()) written.set_deleted(true);
  return record;
}

// True if a job may have come of this request: what the request says is what the job has. (The
// journal keeps the resolved spec, not what was asked.)
bool MayBeOf(const v1::CreateJobRequest& request, const v1::Job& job) {
  if (!request.job_id().empty() && job.name() != rules::JobName(request.job_id())) return false;
  if (request.job().display_name() != job.display_name()) return false;
  if (request.group() != job.group()) return false;
  v1::Job asked;
  v1::Job has;
  *asked.mutable_labels() = request.job().labels();
  *has.mutable_labels() = job.labels();
  if (!MessageDifferencer::Equals(asked, has)) return false;
  MessageDifferencer differencer;
  differencer.set_scope(MessageDifferencer::PARTIAL);
  return differencer.Compare(request.job().spec(), job.spec());
}

}  // namespace

void JobsServiceImpl::CreateOnLoop(const Caller& caller, const v1::CreateJobRequest& request,
                                   int64_t call, const Callback<v1::Job>& done) {
  if (stopping_) return done(ShuttingDown());
  const std::string& request_id = request.request_id();
  if (!request_id.empty()) {
    if (const auto it = request_ids_.find(request_id); it != request_ids_.end()) {
      const absl::StatusOr<JobPtr> known = Find(rules::JobName(it->second));
      if (!known.ok()) return done(known.status());
      absl::Status replay = CheckReplay(caller, request_id, (*known)->ownership().owner);
      if (!replay.ok()) return done(std::move(replay));
      return store_->Post([request, done, job = *known] {
        const absl::StatusOr<v1::Job> made = job->Read();
        if (!made.ok()) return done(made.status());
        done(MayBeOf(request, *made) ? made : RequestIdReused(request.request_id()));
      });
    }
    for (const std::shared_ptr<Creation>& creation : creations_) {
      if (creation->request.request_id() != request_id) continue;
      absl::Status replay = CheckReplay(caller, request_id, creation->caller.principal);
      if (!replay.ok()) return done(std::move(replay));
      if (!MessageDifferencer::Equals(creation->request, request)) {
        return done(RequestIdReused(request_id));
      }
      creation->waiters.emplace(call, done);
      return;
    }
  }
  // It is checked before a validation that may take minutes.
  if (absl::Status status = CheckRoomForJob(); !status.ok()) return done(status);
  auto creation = std::make_shared<Creation>();
  creation->request = request;
  creation->caller = caller;
  creation->waiters.emplace(call, done);
  if (request.job_id().empty()) {
    do {
      creation->job_id = DrawJobId();
    } while (IsTaken(creation->job_id) || kept_folders_.count(creation->job_id) > 0);
  } else {
    if (absl::Status status = CheckJobId(request.job_id()); !status.ok()) return done(status);
    if (IsTaken(request.job_id())) return done(JobExists(request.job_id()));
    if (kept_folders_.count(request.job_id()) > 0) return done(FolderIsKept(request.job_id()));
    creation->job_id = request.job_id();
  }
  absl::StatusOr<Share> place = unfinished_.Take(caller.principal);
  if (!place.ok()) return done(place.status());
  creation->place = *std::move(place);
  creations_.insert(creation);
  creation->validation =
      ValidateOnLoop(caller, request.job().spec(), rules::JobName(creation->job_id),
                     &creation->held, [this, creation](absl::StatusOr<worker::v1::Valid> valid) {
                       if (!valid.ok()) return EndCreation(creation, valid.status());
                       CommitCreation(creation, *valid);
                     });
}

int64_t JobsServiceImpl::ValidateOnLoop(const Caller& caller, v1::Spec spec,
                                        const std::string& user, std::vector<DatasetUse>* held,
                                        const Supervisor::Validated& done) {
  if (spec.has_program()) {
    done(ResolveProgram(spec));
    return 0;
  }
  absl::Status resolved = ResolveDatasets(options_.datasets, user, &spec, held);
  if (!resolved.ok()) {
    done(std::move(resolved));
    return 0;
  }
  const std::string folder = options_.data_dir + "/datasets";
  LocateDatasets(folder, &spec);
  return supervisor_.Validate(
      caller, spec,
      [folder, done, most = options_.max_parameters](absl::StatusOr<worker::v1::Valid> valid) {
        if (valid.ok()) {
          UnlocateDatasets(folder, valid->mutable_spec());
          UnlocateDatasets(folder, valid->mutable_summary());
          absl::Status status = CheckParameters(*valid, most);
          if (!status.ok()) valid = std::move(status);
        }
        done(std::move(valid));
      });
}

absl::Status JobsServiceImpl::CheckFreeDisk() const {
  absl::Status status =
      CheckStore(*journal_, "No job was made", "Submit it again when there is room");
  if (!status.ok() || options_.min_free_disk <= 0) return status;
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(options_.data_dir, error);
  if (error || static_cast<int64_t>(space.available) >= options_.min_free_disk) return status;
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("No job was made: ", options_.data_dir, " has ", space.available >> 20,
                   " MiB of its disk left, less than the ", options_.min_free_disk >> 20,
                   " MiB that are kept for the jobs there are (--min_free_disk). Delete some, or "
                   "make room otherwise"),
      reason::kDiskFull);
}

absl::Status JobsServiceImpl::CheckRoomForJob() const {
  if (absl::Status status = CheckFreeDisk(); !status.ok()) return status;
  int64_t jobs = static_cast<int64_t>(creations_.size());
  {
    MutexLock lock(mutex_);
    jobs += static_cast<int64_t>(jobs_.size());
  }
  if (jobs < options_.max_jobs) return absl::OkStatus();
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("No job was made: descentd keeps ", jobs,
                                " jobs, as many as it may (--max_jobs); delete some that are over"),
                   reason::kTooManyJobs);
}

void JobsServiceImpl::CancelCreation(int64_t call) {
  for (const std::shared_ptr<Creation>& creation : creations_) {
    if (creation->waiters.erase(call) == 0) continue;
    if (!creation->waiters.empty() || creation->committing) return;
    supervisor_.CancelValidation(creation->validation);
    creations_.erase(creation);
    return;
  }
}

bool JobsServiceImpl::IsTaken(const std::string& job_id) const {
  for (const std::shared_ptr<Creation>& creation : creations_) {
    if (creation->job_id == job_id) return true;
  }
  if (removing_.count(job_id) > 0) return true;
  MutexLock lock(mutex_);
  return jobs_.count(job_id) > 0;
}

void JobsServiceImpl::EndCreation(const std::shared_ptr<Creation>& creation,
                                  const absl::StatusOr<v1::Job>& job) {
  creations_.erase(creation);
  for (const auto& [number, waiter] : creation->waiters) waiter(job);
}

void JobsServiceImpl::CommitCreation(const std::shared_ptr<Creation>& of,
                                     const worker::v1::Valid& valid) {
  const Creation& creation = *of;
  if (stopping_) return EndCreation(of, ShuttingDown());
  if (absl::Status status = CheckFreeDisk(); !status.ok()) return EndCreation(of, status);
  const auto now = static_cast<uint64_t>(clock_->WallNanos());
  v1::Event created;
  created.set_revision(1);
  created.set_time_unix_nanos(now);
  *created.mutable_created()->mutable_spec() = valid.spec();
  created.mutable_created()->set_display_name(creation.request.job().display_name());
  *created.mutable_created()->mutable_labels() = creation.request.job().labels();
  *created.mutable_created()->mutable_summary() = valid.summary();
  FindStepSizes(valid.spec(), created.mutable_created()->mutable_summary());
  created.mutable_created()->set_principal(creation.caller.principal);
  created.mutable_created()->set_request_id(creation.request.request_id());
  created.mutable_created()->set_group(creation.request.group());
  SetTrace(creation.caller, *created.mutable_created());
  v1::Event queued;
  queued.set_revision(2);
  queued.set_time_unix_nanos(now);
  queued.mutable_state_changed()->set_state(v1::QUEUED);
  if (valid.spec().has_program()) {
    queued.mutable_state_changed()->set_reason("waits for its program, which is started elsewhere");
  }

  std::error_code error;
  std::filesystem::remove_all(DirOf(creation.job_id), error);  // a deleted namesake's
  std::filesystem::create_directories(DirOf(creation.job_id) + "/checkpoints", error);
  if (error) {
    const bool is_full = error == std::errc::no_space_on_device;
    return EndCreation(
        of,
        MakeError(is_full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
                  absl::StrCat("No job was made: its folder ", DirOf(creation.job_id),
                               " can't be made: ", error.message()),
                  is_full ? reason::kDiskFull : reason::kStoreFailed));
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
  of->committing = true;
  journal_->CreateJob(
      creation.job_id, std::move(pending), fold.Stored(),
      [this, loop = loop_, of, events](absl::StatusOr<std::shared_ptr<JobJournal>> journal) {
        loop->Post([this, of, events, journal = std::move(journal)] {
          EndCreation(of, TakeCreated(*of, journal, events));
        });
      });
}

absl::StatusOr<v1::Job> JobsServiceImpl::TakeCreated(
    Creation& creation, absl::StatusOr<std::shared_ptr<JobJournal>> journal,
    const std::vector<v1::Event>& events) {
  std::error_code error;
  if (!journal.ok()) {
    std::filesystem::remove_all(DirOf(creation.job_id), error);
    const ErrorDetail detail = GetErrorDetail(journal.status());
    if (detail.reason.empty()) return journal.status();
    return MakeError(
        journal.status().code(),
        absl::StrCat(
            "No job was made: ", std::string(journal.status().message()),
            detail.reason == reason::kDiskFull ? ". Submit it again when there is room" : ""),
        detail);
  }
  auto job = std::make_shared<Job>(EnvironmentOf(creation.job_id), *std::move(journal), events);
  places_[job->id()] = std::move(creation.place);
  Insert(job);
  held_datasets_[job->id()] = creation.held;
  if (!creation.request.request_id().empty()) {
    request_ids_[creation.request.request_id()] = job->id();
  }
  LogInfo({.job = rules::JobName(job->id()),
           .revision = 1,
           .request_id = creation.request.request_id(),
           .principal = creation.caller.principal,
           .trace = rules::TraceIdOf(creation.caller.trace.parent)},
          "created");
  absl::StatusOr<v1::Job> answer = job->Read();
  if (stopping_) return answer;  // the next start queues it
  Enqueue(job);
  Schedule();
  return answer;
}

void JobsServiceImpl::DeleteOnLoop(const Caller& caller, const v1::DeleteJobRequest& request,
                                   const Callback<v1::DeleteJobResponse>& done) {
  if (stopping_) return done(ShuttingDown());
  const absl::StatusOr<JobPtr> found = Find(request.name());
  if (!found.ok()) return done(found.status());
  const JobPtr& job = *found;
  if (!rules::IsFinal(job->pending_state()) && !request.force() && job->damage().ok()) {
    return done(MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat(request.name(), " is not over (", v1::JobState_Name(job->durable_state()),
                     "): stop it first, or use force"),
        reason::kJobNotFinished));
  }
  // A job that is over may still go, as that makes room; to end one takes an event.
  if (!rules::IsFinal(job->durable_state()) && job->damage().ok()) {
    if (absl::Status status =
            CheckStore(*journal_, absl::StrCat(request.name(), " was not deleted"),
                       "Delete jobs that are over, or make room otherwise");
        !status.ok()) {
      return done(status);
    }
  }
  const WorkerPtr worker = job->Abandon(absl::StrCat("deleted by ", caller.principal));
  // The worker may be about to write a checkpoint: wait until it is gone, but not for ever.
  auto remove = [this, deletion = Deletion{job, caller, done},
                 removed = std::make_shared<bool>(false)] {
    if (!std::exchange(*removed, true)) Remove(deletion);
  };
  if (worker == nullptr) return remove();
  supervisor_.WhenGone(worker, remove);
  loop_->PostAfter(static_cast<int64_t>(options_.worker_lease_seconds * 1e9), remove);
}

void JobsServiceImpl::Remove(const Deletion& deletion) {
  const JobPtr& job = deletion.job;
  const absl::StatusOr<JobPtr> found = Find(rules::JobName(job->id()));
  if (!found.ok() || *found != job || !removing_.insert(job->id()).second) {
    return deletion.done(NoSuchJob(rules::JobName(job->id())));
  }
  if (options_.audit == nullptr) return RemoveJournal(deletion);
  store_->Post([this, loop = loop_, audit = options_.audit, deletion] {
    audit->Add(RecordOf(*deletion.job, deletion.caller));
    loop->Post([this, deletion] { RemoveJournal(deletion); });
  });
}

void JobsServiceImpl::RemoveJournal(const Deletion& deletion) {
  journal_->DeleteJob(deletion.job->id(),
                      [this, loop = loop_, deletion](const absl::Status& status) {
                        loop->Post([this, deletion, status] { Removed(deletion, status); });
                      });
}

void JobsServiceImpl::Removed(const Deletion& deletion, const absl::Status& status) {
  const auto& [job, caller, done] = deletion;
  if (!status.ok()) {
    removing_.erase(job->id());
    const ErrorDetail detail = GetErrorDetail(status);
    std::string text = absl::StrCat(rules::JobName(job->id()),
                                    " was not deleted: ", std::string(status.message()));
    if (detail.reason == reason::kDiskFull) {
      absl::StrAppend(&text,
                      ". A deletion is written down too, which takes some KiB: remove something "
                      "else from that disk first, such as logs in ",
                      options_.data_dir, "/workers or what is in ", options_.data_dir,
                      "/orphans, then delete the job again");
    }
    return done(MakeError(status.code(), text, detail));
  }
  {
    MutexLock lock(mutex_);
    jobs_.erase(job->id());
    std::erase_if(by_age_, [&](const auto& entry) { return entry.second == job; });
    std::erase_if(recent_, [&](const auto& entry) { return entry.second == job; });
  }
  std::erase_if(request_ids_, [&](const auto& entry) { return entry.second == job->id(); });
  LogInfo({.job = rules::JobName(job->id()),
           .principal = caller.principal,
           .trace = rules::TraceIdOf(caller.trace.parent)},
          "deleted");
  GiveWay(job);
  job->LeaveCache();
  // Its checkpoints may be many gigabytes.
  files_->Post([this, loop = loop_, folder = DirOf(job->id()), id = job->id(), done = done] {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    loop->Post([this, id, done, removed = !error] {
      if (removed) journal_->ForgetFolder(id);
      removing_.erase(id);
      done(v1::DeleteJobResponse());
    });
  });
}

}  // namespace descent::daemon
