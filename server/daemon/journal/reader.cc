#include "server/daemon/journal/reader.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rules/names.h"
#include "proto/rules/states.h"
#include "server/common/log.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/row_builder.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/stored_rollup.h"
#include "server/daemon/journal/stored_row.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

absl::Status Missing(int64_t first, int64_t last) {
  return absl::DataLossError(first == last
                                 ? absl::StrCat("revision ", first, " is missing")
                                 : absl::StrCat("revisions ", first, " to ", last, " are missing"));
}

bool Wanted(v1::EventKind kind, const std::vector<v1::EventKind>& kinds) {
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

absl::Status Deleted() { return absl::NotFoundError("the job has been deleted"); }

// The one event of a row that is no batch.
v1::Event EventOf(const Row& row) {
  v1::WatchJobResponse response;
  if (!response.ParseFromString(row.entries) || response.events_size() != 1) return {};
  return std::move(*response.mutable_events(0));
}

// One read transaction: every statement in it sees the same state.
class Snapshot {
 public:
  Snapshot(Statement& begin, Statement& end) : end_(end), status_(begin.Run()) {}
  ~Snapshot() {
    if (status_.ok()) end_.Run().IgnoreError();
  }
  const absl::Status& status() const { return status_; }

 private:
  Statement& end_;
  const absl::Status status_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reader>> Reader::Open(const std::string& path,
                                                     const std::string& vfs) {
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(path, Connection::Mode::kReadOnly, vfs);
  if (!connection.ok()) return connection.status();
  std::unique_ptr<Reader> reader(new Reader(*std::move(connection)));
  if (absl::Status status = reader->Prepare(); !status.ok()) return status;
  return reader;
}

absl::Status Reader::Prepare() {
  const std::pair<Statement*, std::string> statements[] = {
      {&begin_, "BEGIN"},
      {&end_, "COMMIT"},
      {&line_, "SELECT " DESCENT_JOB_COLUMNS " FROM jobs WHERE number = ?1"},
      {&row_at_, "SELECT max(id) FROM rows WHERE id BETWEEN ?1 AND ?2"},
      {&rows_, "SELECT " DESCENT_ROW_COLUMNS " FROM rows WHERE id BETWEEN ?1 AND ?2 ORDER BY id"},
      {&other_rows_, "SELECT " DESCENT_ROW_COLUMNS " FROM rows INDEXED BY rows_of_other_kinds "
                     "WHERE id BETWEEN ?1 AND ?2 AND kind <> 13 ORDER BY id"},
      {&next_batch_,
       "SELECT id, last_revision, branch, first_iteration, last_iteration FROM rows "
       "WHERE id BETWEEN ?1 AND ?2 AND kind = 13 ORDER BY id LIMIT 1"},
      {&numbers_, "SELECT number FROM jobs ORDER BY number"},
      {&job_,
       "SELECT " DESCENT_JOB_COLUMNS ", snapshot, snapshot_checksum FROM jobs WHERE number = ?1"},
      {&namesakes_, "SELECT count(*) FROM jobs WHERE job_id = ?1 AND number <> ?2"},
      {&first_,
       "SELECT " DESCENT_ROW_COLUMNS " FROM rows WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1"},
      {&last_, "SELECT " DESCENT_ROW_COLUMNS
               " FROM rows WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1"},
      {&last_other_,
       "SELECT id FROM rows INDEXED BY rows_of_other_kinds "
       "WHERE id BETWEEN ?1 AND ?2 AND kind <> 13 ORDER BY id DESC LIMIT 1"},
      {&last_state_,
       "SELECT " DESCENT_ROW_COLUMNS " FROM rows INDEXED BY rows_of_other_kinds "
       "WHERE id BETWEEN ?1 AND ?2 AND kind <> 13 AND kind = 18 ORDER BY id DESC LIMIT 1"},
      {&request_, "SELECT " DESCENT_ROW_COLUMNS " FROM rows INDEXED BY rows_of_requests "
                  "WHERE id >> 40 = ?1 AND request_id = ?2 AND request_id IS NOT NULL ORDER BY id"},
      {&evaluations_, "SELECT " DESCENT_ROW_COLUMNS " FROM rows INDEXED BY rows_of_evaluations "
                      "WHERE id >> 40 = ?1 AND branch = ?2 AND first_iteration = ?3 AND kind = 14 "
                      "ORDER BY id"},
      {&ever_, "SELECT count(*) FROM sqlite_sequence WHERE name = 'jobs'"},
      {&folders_, "SELECT job_id, checksum FROM folders_to_remove"},
      {&deleted_, "SELECT number, checksum FROM deleted_jobs"},
      {&next_row_, "SELECT min(id) FROM rows WHERE id >= ?1"},
      {&next_rollup_, "SELECT min(job) FROM rollups WHERE job > ?1"},
      {&heads_, "SELECT job, revision, checksum FROM heads"},
      {&head_, "SELECT revision, checksum FROM heads WHERE job = ?1"},
      {&rollups_, "SELECT " + RollupColumns() + " FROM rollups WHERE job = ?1"},
  };
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<Statement> prepared = connection_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RowPtr>> Reader::Read(int64_t job, int64_t after_revision,
                                                 int64_t head_revision, int64_t max_bytes,
                                                 const std::vector<v1::EventKind>& kinds) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  int64_t compacted_revision = 0;
  {
    ScopedReset reset(line_.Reset().Bind(1, job));
    absl::StatusOr<bool> found = line_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return Deleted();
    const JobLine line = JobLineAt(line_);
    if (absl::Status status = CheckJobLine(line_, line); !status.ok()) return status;
    compacted_revision = line.compacted_revision;
  }
  const int64_t last = RowId(job, head_revision);
  if (!Wanted(v1::ITERATION, kinds)) {
    // Rows of one event each: none begins before the cursor and ends after it.
    other_rows_.Reset().Bind(1, RowId(job, after_revision + 1)).Bind(2, last);
    return ReadRows(other_rows_, after_revision, /*head_revision=*/0, max_bytes, kinds);
  }
  if (after_revision < compacted_revision) {
    return absl::OutOfRangeError(
        absl::StrCat("iteration events up to revision ", compacted_revision,
                     " have been thinned: watch from there, or leave iterations out of `kinds`"));
  }
  int64_t first = RowId(job, after_revision + 1);
  {
    ScopedReset reset(row_at_.Reset().Bind(1, RowId(job, 1)).Bind(2, first));
    absl::StatusOr<bool> found = row_at_.Step();
    if (!found.ok()) return found.status();
    if (*found && !row_at_.IsNull(0)) first = row_at_.Int(0);
  }
  rows_.Reset().Bind(1, first).Bind(2, last);
  return ReadRows(rows_, after_revision, head_revision, max_bytes, kinds);
}

absl::StatusOr<std::vector<RowPtr>> Reader::ReadRows(Statement& statement, int64_t after_revision,
                                                     int64_t head_revision, int64_t max_bytes,
                                                     const std::vector<v1::EventKind>& kinds) {
  ScopedReset reset(statement);
  RowJoiner joiner;
  int64_t bytes = 0;
  int64_t seen = after_revision;  // of a chain: the first revision of the row before
  while (bytes == 0 || bytes < max_bytes) {
    absl::StatusOr<bool> found = statement.Step();
    if (!found.ok()) return found.status();
    if (!*found) {
      if (seen < head_revision) return Missing(seen + 1, head_revision);
      break;
    }
    if (LastRevisionOf(statement) <= after_revision) continue;
    const int64_t first = FirstRevisionOf(statement);
    const bool wanted = Wanted(KindOf(statement), kinds);
    if (head_revision > 0) {
      if (first > seen + 1) return Missing(seen + 1, first - 1);
      seen = LastRevisionOf(statement);
      if (!wanted) continue;
    } else {
      const int64_t before = std::exchange(seen, first);
      if (!wanted) continue;
      if (PreviousOf(statement) > before) {
        return Missing(PreviousOf(statement), PreviousOf(statement));
      }
    }
    absl::StatusOr<RowPtr> row = RowOf(statement);
    if (!row.ok()) return row.status();
    bytes += static_cast<int64_t>((*row)->entries.size());
    joiner.Add(*std::move(row));
  }
  return joiner.Finish();
}

absl::StatusOr<std::vector<RowPtr>> Reader::ReadAll(Statement& statement) {
  ScopedReset reset(statement);
  std::vector<RowPtr> rows;
  while (true) {
    absl::StatusOr<bool> found = statement.Step();
    if (!found.ok()) return found.status();
    if (!*found) return rows;
    absl::StatusOr<RowPtr> row = RowOf(statement);
    if (!row.ok()) return row.status();
    rows.push_back(*std::move(row));
  }
}

absl::StatusOr<std::vector<RowPtr>> Reader::FindRequest(int64_t job,
                                                        const std::string& request_id) {
  return ReadAll(request_.Reset().Bind(1, job).BindText(2, request_id));
}

absl::StatusOr<std::vector<RowPtr>> Reader::FindEvaluations(int64_t job, int32_t branch,
                                                            int64_t iteration) {
  return ReadAll(evaluations_.Reset().Bind(1, job).Bind(2, int64_t{branch}).Bind(3, iteration));
}

absl::StatusOr<RowPtr> Reader::FindIteration(int64_t job, int64_t head_revision, int32_t branch,
                                             int64_t iteration) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  const int64_t last = RowId(job, head_revision);
  int64_t low = RowId(job, 1);  // the batch begins in [low, high], if there is one
  int64_t high = last;
  int64_t found_id = -1;
  while (low <= high) {
    const int64_t middle = low + (high - low) / 2;
    ScopedReset reset(next_batch_.Reset().Bind(1, middle).Bind(2, high));
    absl::StatusOr<bool> found = next_batch_.Step();
    if (!found.ok()) return found.status();
    if (!*found) {
      high = middle - 1;
      continue;
    }
    const int64_t row_branch = next_batch_.Int(2);
    if (std::pair(row_branch, next_batch_.Int(3)) > std::pair(int64_t{branch}, iteration)) {
      high = middle - 1;
    } else if (row_branch == branch && iteration <= next_batch_.Int(4)) {
      found_id = next_batch_.Int(0);
      break;
    } else {
      low = RowId(job, next_batch_.Int(1) + 1);
    }
  }
  if (found_id < 0) {
    return absl::NotFoundError(
        absl::StrCat("the journal has no iteration ", iteration, " on branch ", branch));
  }
  // With what follows, since the next question is for the next iteration.
  rows_.Reset().Bind(1, found_id).Bind(2, last);
  absl::StatusOr<std::vector<RowPtr>> rows =
      ReadRows(rows_, RevisionOf(found_id) - 1, head_revision, kMaxRowBytes, {v1::ITERATION});
  if (!rows.ok()) return rows.status();
  return rows->front();
}

absl::StatusOr<std::vector<int64_t>> Reader::JobNumbers() {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  std::vector<int64_t> numbers;
  std::set<int64_t> known;
  {
    ScopedReset reset(numbers_.Reset());
    while (true) {
      const absl::StatusOr<bool> found = numbers_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      numbers.push_back(numbers_.Int(0));
    }
    known.insert(numbers.begin(), numbers.end());
  }
  const absl::StatusOr<std::set<int64_t>> remaining = RemainingJobs();
  if (!remaining.ok()) return remaining.status();
  for (const int64_t number : *remaining) {
    if (IsJobNumber(number) && known.count(number) == 0) numbers.push_back(number);
  }
  return numbers;
}

absl::StatusOr<Reader::JobRecord> Reader::Job(int64_t number) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  absl::StatusOr<JobRecord> job = TableRecord(number);
  if (!job.ok()) return job;
  if (IsJobNumber(number)) job->damage.Update(LoadRecord(&*job));
  // What says nothing about the file is nobody's damage.
  if (!job->damage.ok() && !absl::IsDataLoss(job->damage)) return job->damage;
  return job;
}

absl::StatusOr<v1::Job> Reader::ReadSnapshot(int64_t number) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  absl::StatusOr<JobRecord> job = TableRecord(number);
  if (!job.ok()) return job.status();
  if (!job->damage.ok()) return job->damage;
  if (absl::Status status = LoadCreated(&*job); !status.ok()) return status;
  return std::move(job->snapshot);
}

absl::StatusOr<Reader::JobRecord> Reader::TableRecord(int64_t number) {
  JobRecord job;
  job.line.number = number;
  ScopedReset reset(job_.Reset().Bind(1, number));
  const absl::StatusOr<bool> found = job_.Step();
  if (!found.ok()) return found.status();
  if (!*found) {
    const absl::StatusOr<std::set<int64_t>> remaining = RemainingJobs();
    if (!remaining.ok()) return remaining.status();
    if (remaining->count(number) == 0) return Deleted();
    job.damage = absl::DataLossError(
        "its line in the table `jobs` is missing, though nobody deleted it, and with it its name");
    if (absl::Status status = NameJob("", &job); !status.ok()) return status;
    return job;
  }
  job.line = JobLineAt(job_);
  job.damage = CheckJobLine(job_, job.line);
  const std::string_view snapshot = job_.Blob(kJobColumns);
  const auto is_of = [&, sum = job_.Int(kJobColumns + 1)](const std::string& job_id) {
    return sum == int64_t{Checksum(job_id, snapshot)};
  };
  const bool parsed =
      job.snapshot.ParseFromArray(snapshot.data(), static_cast<int>(snapshot.size()));
  job.job_id = job.line.job_id;
  bool proven = is_of(job.job_id);
  if (!job.damage.ok()) {
    if (!proven) {
      job.job_id = rules::JobIdOf(job.snapshot.name()).value_or("");
      proven = is_of(job.job_id);
    }
    absl::Status status = NameJob(proven ? job.job_id : "", &job);
    if (!status.ok()) return status;
  }
  if (!proven || !parsed) {
    server::LogWarning(rules::JobName(job.job_id),
                       "its snapshot in the store is damaged; it is made anew from its events");
    job.snapshot.Clear();
  }
  return job;
}

absl::Status Reader::NameJob(const std::string& known, JobRecord* job) {
  const std::string made_up = absl::StrCat("lost-", std::max<int64_t>(job->line.number, 0));
  job->job_id = rules::IsJobId(known) ? known : made_up;
  for (int i = 2;; ++i) {
    ScopedReset reset(namesakes_.Reset().BindText(1, job->job_id).Bind(2, job->line.number));
    const absl::StatusOr<bool> found = namesakes_.Step();
    if (!found.ok()) return found.status();
    if (namesakes_.Int(0) == 0) break;
    job->job_id = absl::StrCat(made_up, "-", i);
  }
  job->name_is_lost = job->job_id != known;
  return absl::OkStatus();
}

absl::Status Reader::LoadCreated(JobRecord* record) {
  absl::StatusOr<std::vector<RowPtr>> rows =
      ReadAll(first_.Reset()
                  .Bind(1, RowId(record->line.number, 1))
                  .Bind(2, RowId(record->line.number, kMaxRevision)));
  if (!rows.ok()) return rows.status();
  // The first event is never thinned.
  const int64_t from = rows->empty() ? 2 : rows->front()->first_revision;
  if (from > 1) return Missing(1, from - 1);
  if (rows->front()->kind != v1::CREATED) return absl::OkStatus();
  v1::Event event = EventOf(*rows->front());
  v1::Created& created = *event.mutable_created();
  if (created.has_spec()) record->snapshot.mutable_spec()->Swap(created.mutable_spec());
  if (created.has_summary()) record->snapshot.mutable_summary()->Swap(created.mutable_summary());
  record->request_id = created.request_id();
  return absl::OkStatus();
}

absl::Status Reader::LoadRecord(JobRecord* record) {
  const int64_t first = RowId(record->line.number, 1);
  const int64_t last = RowId(record->line.number, kMaxRevision);
  // What is wrong with a journal is found out after all that can be said of it.
  absl::Status damage = LoadCreated(record);
  absl::StatusOr<std::vector<RowPtr>> rows = ReadAll(last_.Reset().Bind(1, first).Bind(2, last));
  damage.Update(rows.status());
  if (rows.ok() && !rows->empty()) record->head_revision = rows->front()->last_revision;
  JobLine& line = record->line;
  const absl::StatusOr<int64_t> noted = NotedHead(line.number);
  if (!noted.ok()) return noted.status();
  if (const int64_t head = std::max(*noted, record->snapshot.head_revision());
      record->head_revision < head) {
    damage.Update(Missing(record->head_revision + 1, head));
    record->head_revision = head;
  }
  rows = ReadAll(last_state_.Reset().Bind(1, first).Bind(2, last));
  damage.Update(rows.status());
  if (rows.ok() && !rows->empty() &&
      rules::IsFinal(EventOf(*rows->front()).state_changed().state())) {
    record->final_revision = rows->front()->first_revision;
  }
  ScopedReset reset(last_other_.Reset().Bind(1, first).Bind(2, last));
  const absl::StatusOr<bool> found = last_other_.Step();
  damage.Update(found.status());
  if (!found.ok()) return damage;
  const int64_t other = *found ? RevisionOf(last_other_.Int(0)) : 0;
  if (other < line.last_other_revision) {
    damage.Update(Missing(line.last_other_revision, line.last_other_revision));
  } else if (other > line.last_other_revision) {
    damage.Update(absl::DataLossError(
        absl::StrCat("its line in the table `jobs` is older than revision ", other)));
  }
  if (line.compacted_revision > record->head_revision) {  // the newest row is never thinned
    damage.Update(absl::DataLossError(
        absl::StrCat("its line in the table `jobs` speaks of revision ", line.compacted_revision,
                     ", but it ends at ", record->head_revision)));
  }
  return damage;
}

absl::StatusOr<std::set<int64_t>> Reader::RemainingJobs() {
  std::set<int64_t> numbers;
  // Of a page that can't be read its own job tells; what lies behind it is found once that is gone.
  const auto next = [](Statement& statement) -> absl::StatusOr<bool> {
    const absl::StatusOr<bool> found = statement.Step();
    if (absl::IsDataLoss(found.status())) return false;
    if (!found.ok()) return found.status();
    return *found && !statement.IsNull(0);
  };
  for (int64_t from = std::numeric_limits<int64_t>::min();;) {
    ScopedReset reset(next_row_.Reset().Bind(1, from));
    const absl::StatusOr<bool> found = next(next_row_);
    if (!found.ok()) return found.status();
    if (!*found) break;
    const int64_t number = JobOf(next_row_.Int(0));
    numbers.insert(number);
    if (number >= kMaxJobNumber) break;
    from = RowId(number + 1, 0);
  }
  for (int64_t after = std::numeric_limits<int64_t>::min();;) {
    ScopedReset reset(next_rollup_.Reset().Bind(1, after));
    const absl::StatusOr<bool> found = next(next_rollup_);
    if (!found.ok()) return found.status();
    if (!*found) break;
    after = next_rollup_.Int(0);
    numbers.insert(after);
  }
  {
    ScopedReset reset(heads_.Reset());
    while (true) {
      const absl::StatusOr<bool> found = next(heads_);
      if (!found.ok()) return found.status();
      if (!*found) break;
      const int64_t number = heads_.Int(0);
      // A note that is damaged is none.
      if (heads_.Int(2) == int64_t{Checksum(number, heads_.Int(1))}) numbers.insert(number);
    }
  }
  // A deletion takes the line away and notes that, in one transaction; the rest goes afterwards.
  ScopedReset reset(deleted_.Reset());
  while (true) {
    const absl::StatusOr<bool> found = deleted_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return numbers;
    const int64_t number = deleted_.Int(0);
    if (deleted_.Int(1) == int64_t{Checksum(number)}) numbers.erase(number);
  }
}

absl::StatusOr<std::vector<std::string>> Reader::Strays() {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  std::vector<std::string> strays;
  const absl::StatusOr<std::set<int64_t>> remaining = RemainingJobs();
  if (!remaining.ok()) return remaining.status();
  for (const int64_t number : *remaining) {
    if (IsJobNumber(number)) continue;
    strays.push_back(absl::StrCat("there are rows or roll-ups of job ", number,
                                  ", a number that none can have"));
  }
  return strays;
}

absl::StatusOr<int64_t> Reader::NotedHead(int64_t job) {
  ScopedReset reset(head_.Reset().Bind(1, job));
  const absl::StatusOr<bool> found = head_.Step();
  // A note that is damaged is no damage to the rows, as with snapshots.
  if (absl::IsDataLoss(found.status())) return 0;
  if (!found.ok()) return found.status();
  if (!*found || head_.Int(1) != int64_t{Checksum(job, head_.Int(0))}) return 0;
  return head_.Int(0);
}

absl::Status Reader::Check(int64_t job) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  JobLine line;
  {
    ScopedReset reset(line_.Reset().Bind(1, job));
    const absl::StatusOr<bool> found = line_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return absl::OkStatus();  // deleted meanwhile
    line = JobLineAt(line_);
    if (absl::Status status = CheckJobLine(line_, line); !status.ok()) return status;
  }
  // Events that are there, or in roll-ups, of those up to compacted_revision.
  int64_t accounted = 0;
  {
    ScopedReset reset(rollups_.Reset().Bind(1, job));
    while (true) {
      const absl::StatusOr<bool> found = rollups_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      const absl::StatusOr<Rollup> rollup = RollupOf(rollups_);
      if (!rollup.ok()) return rollup.status();
      accounted += rollup->count;
    }
  }
  ScopedReset reset(rows_.Reset().Bind(1, RowId(job, 0)).Bind(2, RowId(job, kMaxRevision)));
  int64_t revision = 0;
  int64_t other = 0;
  while (true) {
    const absl::StatusOr<bool> found = rows_.Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    const absl::StatusOr<RowPtr> row = RowOf(rows_);
    if (!row.ok()) return row.status();
    const int64_t first = (*row)->first_revision;
    // Before that, iterations have been thinned.
    if (first > std::max(revision, line.compacted_revision) + 1) {
      return Missing(revision + 1, first - 1);
    }
    revision = (*row)->last_revision;
    if (revision <= line.compacted_revision) accounted += revision - first + 1;
    if ((*row)->kind == v1::ITERATION) continue;
    if (PreviousOf(rows_) != std::exchange(other, first)) {
      return Missing(PreviousOf(rows_), PreviousOf(rows_));
    }
  }
  if (accounted == line.compacted_revision) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("of the events up to revision ", line.compacted_revision,
                                          ", which have been thinned, rows and roll-ups tell of ",
                                          accounted));
}

absl::StatusOr<bool> Reader::IsNew() {
  ScopedReset reset(ever_.Reset());
  const absl::StatusOr<bool> found = ever_.Step();
  if (!found.ok()) return found.status();
  return ever_.Int(0) == 0;
}

absl::StatusOr<std::vector<std::string>> Reader::FoldersToRemove() {
  ScopedReset reset(folders_.Reset());
  std::vector<std::string> folders;
  while (true) {
    const absl::StatusOr<bool> found = folders_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return folders;
    std::string id(folders_.Blob(0));
    // What a damaged note names is nobody's to remove.
    if (folders_.Int(1) == int64_t{Checksum(std::string_view(id))} && rules::IsJobId(id)) {
      folders.push_back(std::move(id));
    }
  }
}

absl::StatusOr<std::unique_ptr<Reader>> ReaderPool::Take() {
  {
    MutexLock lock(mutex_);
    while (idle_.empty() && readers_ >= kMaxReaders) returned_.Wait(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Reader> reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
    ++readers_;
  }
  absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Open(path_, vfs_);
  if (!reader.ok()) {
    MutexLock lock(mutex_);
    --readers_;
    returned_.Signal();
  }
  return reader;
}

void ReaderPool::Return(std::unique_ptr<Reader> reader) {
  std::unique_ptr<Reader> unwanted;  // closed without the lock
  MutexLock lock(mutex_);
  if (closed_) {
    unwanted = std::move(reader);
    --readers_;
  } else {
    idle_.push_back(std::move(reader));
  }
  returned_.Signal();
}

void ReaderPool::Close() {
  std::vector<std::unique_ptr<Reader>> idle;
  MutexLock lock(mutex_);
  closed_ = true;
  idle.swap(idle_);
  readers_ -= static_cast<int>(idle.size());
}

}  // namespace descent::daemon
