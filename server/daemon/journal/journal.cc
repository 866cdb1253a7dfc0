#include "server/daemon/journal/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rules/names.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/sqlite.h"
#include "server/daemon/journal/stored_journal.h"
#include "server/daemon/journal/writer.h"

namespace descent::daemon {
namespace {

using server::Mutex;
using server::MutexLock;

absl::Status Annotate(const absl::Status& status, const std::string& path) {
  return absl::Status(
      status.code(),
      absl::StrCat("cannot open the journal ", path, ": ", status.message(),
                   absl::IsResourceExhausted(status) ? "; its disk is full: make room" : ""));
}

int64_t FileSize(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? static_cast<int64_t>(info.st_size) : 0;
}

// Makes the log a durable WAL: a commit writes and syncs the log only. The log is folded into the
// database by the commit that finds it over 4 MiB; what that costs is in README.md.
absl::Status UseWal(Connection& connection) {
  if (absl::Status status = connection.Execute(
          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;"
          "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384");
      !status.ok()) {
    return status;
  }
  absl::StatusOr<int64_t> level = connection.QueryInt("PRAGMA synchronous");
  if (!level.ok()) return level.status();
  if (*level != 2) return absl::InternalError("SQLite refuses synchronous = FULL");
  return absl::OkStatus();
}

class JournalImpl : public Journal {
 public:
  JournalImpl(const Options& options, std::shared_ptr<Writer> writer,
              std::shared_ptr<ReaderPool> readers)
      : options_(options), writer_(std::move(writer)), readers_(std::move(readers)) {}

  ~JournalImpl() override {
    readers_->Close();
    writer_->Stop();
  }

  absl::Status Load() {
    return ReadRecords([this](Reader::JobRecord record) {
      MutexLock lock(mutex_);
      journals_[record.job_id] =
          std::make_shared<StoredJournal>(record, options_.tail_bytes, writer_, readers_);
      if (record.line.job_id != record.job_id) false_ids_.insert(record.line.job_id);
      return absl::OkStatus();
    });
  }

  absl::Status ReadJobs(const TakeJob& take) override {
    return ReadRecords([&](Reader::JobRecord record) {
      StoredJob job;
      {
        MutexLock lock(mutex_);
        const auto it = journals_.find(record.job_id);
        if (it == journals_.end()) return absl::OkStatus();  // it was deleted meanwhile
        job.journal = it->second;
      }
      job.snapshot.Swap(&record.snapshot);
      job.request_id = std::move(record.request_id);
      job.trace = std::move(record.trace);
      job.name_is_lost = record.name_is_lost;
      return take(job);
    });
  }

  void CreateJob(const std::string& job_id, std::vector<PendingEvent> events,
                 const v1::Job& snapshot, Created created) override {
    Reader::JobRecord record;
    record.job_id = job_id;
    auto journal = std::make_shared<StoredJournal>(record, options_.tail_bytes, writer_, readers_);
    const bool is_new = [&] {
      MutexLock lock(mutex_);
      return false_ids_.count(job_id) == 0 && journals_.try_emplace(job_id, journal).second;
    }();
    if (!is_new) {
      created(absl::AlreadyExistsError(absl::StrCat("job ", job_id, " exists already")));
      return;
    }
    journal->Create(std::move(events), snapshot,
                    [this, job_id, journal, created = std::move(created)](
                        const absl::StatusOr<JobJournal::Appended>& appended) {
                      if (appended.ok()) return created(std::shared_ptr<JobJournal>(journal));
                      {
                        MutexLock lock(mutex_);
                        journals_.erase(job_id);
                      }
                      created(appended.status());
                    });
  }

  void DeleteJob(const std::string& job_id, Deleted deleted) override {
    Writer::Operation operation;
    operation.kind = Writer::Operation::kDelete;
    {
      MutexLock lock(mutex_);
      const auto it = journals_.find(job_id);
      if (it != journals_.end()) operation.journal = it->second;
    }
    if (operation.journal == nullptr || operation.journal->number() == 0) {
      deleted(absl::NotFoundError(absl::StrCat("there is no job ", job_id)));
      return;
    }
    operation.done = [this, job_id, journal = operation.journal, deleted = std::move(deleted)](
                         const absl::StatusOr<JobJournal::Appended>& appended) {
      if (appended.ok()) {
        MutexLock lock(mutex_);
        const auto it = journals_.find(job_id);
        if (it != journals_.end() && it->second == journal) journals_.erase(it);
      }
      deleted(appended.status());
    };
    writer_->Enqueue(std::move(operation));
  }

  absl::Status stalled() const override { return writer_->stalled(); }
  absl::Status health() const override { return writer_->health(); }

  absl::Status damage() const override {
    std::vector<std::string> damaged;
    for (const auto& journal : Damaged()) damaged.push_back(rules::JobName(journal->job_id()));
    if (damaged.empty()) return absl::OkStatus();
    constexpr size_t kNamed = 10;
    const size_t more = damaged.size() - std::min(damaged.size(), kNamed);
    damaged.resize(std::min(damaged.size(), kNamed));
    return absl::DataLossError(
        absl::StrCat("the store is damaged; out of service: ", absl::StrJoin(damaged, ", "),
                     more > 0 ? absl::StrCat(" and ", more, " more") : "",
                     "; `descentd check` tells more. Put descent.db back from a copy, or delete "
                     "what is damaged"));
  }

  absl::Status waiting() const override {
    std::string first;
    int64_t more = -1;
    MutexLock lock(mutex_);
    for (const auto& [id, journal] : journals_) {
      const absl::Status waiting = journal->waiting();
      if (waiting.ok() || journal->final_revision() > 0) continue;
      if (++more == 0) {
        first = absl::StrCat(rules::JobName(id), " waits: ", std::string(waiting.message()));
      }
    }
    if (more < 0) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat(first, more > 0 ? absl::StrCat(" So do ", more, " more") : ""));
  }

  bool is_new() const override {
    const absl::StatusOr<bool> is_new =
        readers_->With([](Reader& reader) { return reader.IsNew(); });
    return is_new.ok() && *is_new;
  }

  absl::StatusOr<std::vector<std::string>> FoldersToRemove() override {
    return readers_->With([](Reader& reader) { return reader.FoldersToRemove(); });
  }

  void ForgetFolder(const std::string& job_id) override {
    Writer::Operation operation;
    operation.kind = Writer::Operation::kForgetFolder;
    operation.folder = job_id;
    writer_->Enqueue(std::move(operation));
  }

  Statistics statistics() const override {
    Statistics statistics = writer_->statistics();
    statistics.damaged_jobs = static_cast<int64_t>(Damaged().size());
    statistics.database_bytes = FileSize(options_.path) + FileSize(options_.path + "-wal");
    return statistics;
  }

 private:
  // No reader is taken while `take` runs: it may want one.
  absl::Status ReadRecords(const std::function<absl::Status(Reader::JobRecord)>& take) {
    const absl::StatusOr<std::vector<int64_t>> numbers =
        readers_->With([](Reader& reader) { return reader.JobNumbers(); });
    if (!numbers.ok()) return numbers.status();
    for (const int64_t number : *numbers) {
      absl::StatusOr<Reader::JobRecord> record =
          readers_->With([number](Reader& reader) { return reader.Job(number); });
      if (absl::IsNotFound(record.status())) continue;  // it was deleted meanwhile
      if (!record.ok()) return record.status();
      if (absl::Status status = take(*std::move(record)); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::vector<std::shared_ptr<StoredJournal>> Damaged() const {
    std::vector<std::shared_ptr<StoredJournal>> damaged;
    MutexLock lock(mutex_);
    for (const auto& [id, journal] : journals_) {
      if (journal->is_damaged()) damaged.push_back(journal);
    }
    return damaged;
  }

  const Options options_;
  const std::shared_ptr<Writer> writer_;
  const std::shared_ptr<ReaderPool> readers_;
  mutable Mutex mutex_;
  // These include those being created, so that an id is taken once.
  std::map<std::string, std::shared_ptr<StoredJournal>> journals_ ABSL_GUARDED_BY(mutex_);
  // What the table `jobs` wrongly calls jobs of other names: it takes no id twice.
  std::set<std::string> false_ids_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::vector<StoredJob>> Journal::Jobs() {
  std::vector<StoredJob> jobs;
  absl::Status status = ReadJobs([&](const StoredJob& job) {
    jobs.push_back(job);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return jobs;
}

absl::StatusOr<std::shared_ptr<JobJournal>> Journal::CreateJob(const std::string& job_id,
                                                               std::vector<PendingEvent> events,
                                                               const v1::Job& snapshot) {
  std::promise<absl::StatusOr<std::shared_ptr<JobJournal>>> result;
  CreateJob(job_id, std::move(events), snapshot,
            [&](absl::StatusOr<std::shared_ptr<JobJournal>> created) {
              result.set_value(std::move(created));
            });
  return result.get_future().get();
}

absl::Status Journal::DeleteJob(const std::string& job_id) {
  std::promise<absl::Status> result;
  DeleteJob(job_id, [&](absl::Status deleted) { result.set_value(std::move(deleted)); });
  return result.get_future().get();
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const Options& options) {
  const auto open = [&]() -> absl::StatusOr<std::unique_ptr<Journal>> {
    absl::StatusOr<std::unique_ptr<Connection>> connection =
        Connection::Open(options.path, Connection::Mode::kReadWrite, options.vfs);
    if (!connection.ok()) return connection.status();
    if (absl::Status status = Migrate(**connection); !status.ok()) return status;
    if (absl::Status status = UseWal(**connection); !status.ok()) return status;
    if (absl::Status status = UseIncrementalVacuum(**connection); !status.ok()) return status;
    auto writer = std::make_shared<Writer>(*std::move(connection), options);
    if (absl::Status status = writer->Start(); !status.ok()) return status;
    auto readers = std::make_shared<ReaderPool>(options.path, options.vfs);
    auto journal = std::make_unique<JournalImpl>(options, std::move(writer), std::move(readers));
    if (absl::Status status = journal->Load(); !status.ok()) return status;
    return journal;
  };
  absl::StatusOr<std::unique_ptr<Journal>> journal = open();
  if (!journal.ok()) return Annotate(journal.status(), options.path);
  return journal;
}

}  // namespace descent::daemon
