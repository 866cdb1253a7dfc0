#include "server/daemon/journal/reader.h"

#include <algorithm>
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
      {&compacted_, "SELECT compacted_revision FROM jobs WHERE number = ?1"},
      {&row_at_, "SELECT max(id) FROM rows WHERE id BETWEEN ?1 AND ?2"},
      {&rows_, "SELECT " DESCENT_ROW_COLUMNS " FROM rows WHERE id BETWEEN ?1 AND ?2 ORDER BY id"},
      {&other_rows_, "SELECT " DESCENT_ROW_COLUMNS " FROM rows INDEXED BY rows_of_other_kinds "
                     "WHERE id BETWEEN ?1 AND ?2 AND kind <> 13 ORDER BY id"},
      {&next_batch_,
       "SELECT id, last_revision, branch, first_iteration, last_iteration FROM rows "
       "WHERE id BETWEEN ?1 AND ?2 AND kind = 13 ORDER BY id LIMIT 1"},
      {&numbers_, "SELECT number FROM jobs ORDER BY number"},
      {&job_,
       "SELECT number, job_id, snapshot, compacted_revision, snapshot_checksum FROM jobs "
       "WHERE number = ?1"},
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
      {&folders_, "SELECT job_id FROM folders_to_remove"},
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
    ScopedReset reset(compacted_.Reset().Bind(1, job));
    absl::StatusOr<bool> found = compacted_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return Deleted();
    compacted_revision = compacted_.Int(0);
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
  ScopedReset reset(numbers_.Reset());
  std::vector<int64_t> numbers;
  while (true) {
    const absl::StatusOr<bool> found = numbers_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return numbers;
    numbers.push_back(numbers_.Int(0));
  }
}

absl::StatusOr<Reader::JobRecord> Reader::Job(int64_t number) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  absl::StatusOr<JobRecord> job = TableRecord(number);
  if (!job.ok()) return job;
  job->damage = LoadRecord(&*job);
  // What says nothing about the file is nobody's damage.
  if (!job->damage.ok() && !absl::IsDataLoss(job->damage)) return job->damage;
  return job;
}

absl::StatusOr<v1::Job> Reader::ReadSnapshot(int64_t number) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  absl::StatusOr<JobRecord> job = TableRecord(number);
  if (!job.ok()) return job.status();
  if (absl::Status status = LoadCreated(&*job); !status.ok()) return status;
  return std::move(job->snapshot);
}

absl::StatusOr<Reader::JobRecord> Reader::TableRecord(int64_t number) {
  ScopedReset reset(job_.Reset().Bind(1, number));
  const absl::StatusOr<bool> found = job_.Step();
  if (!found.ok()) return found.status();
  if (!*found) return Deleted();
  JobRecord job;
  job.number = job_.Int(0);
  job.job_id = job_.Blob(1);
  job.compacted_revision = job_.Int(3);
  const std::string_view snapshot = job_.Blob(2);
  if (job_.Int(4) != int64_t{Checksum(job.job_id, snapshot)} ||
      !job.snapshot.ParseFromArray(snapshot.data(), static_cast<int>(snapshot.size()))) {
    server::LogWarning(rules::JobName(job.job_id),
                       "its snapshot in the store is damaged; it is made anew from its events");
    job.snapshot.Clear();
  }
  return job;
}

absl::Status Reader::LoadCreated(JobRecord* record) {
  absl::StatusOr<std::vector<RowPtr>> rows =
      ReadAll(first_.Reset()
                  .Bind(1, RowId(record->number, 1))
                  .Bind(2, RowId(record->number, kMaxRevision)));
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
  const int64_t first = RowId(record->number, 1);
  const int64_t last = RowId(record->number, kMaxRevision);
  // What is wrong with a journal is found out after all that can be said of it.
  absl::Status damage = LoadCreated(record);
  absl::StatusOr<std::vector<RowPtr>> rows = ReadAll(last_.Reset().Bind(1, first).Bind(2, last));
  damage.Update(rows.status());
  if (rows.ok() && !rows->empty()) record->head_revision = rows->front()->last_revision;
  const absl::StatusOr<int64_t> noted = NotedHead(record->number);
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
  if (found.ok() && *found) record->last_other_revision = RevisionOf(last_other_.Int(0));
  return damage;
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

absl::Status Reader::Check(int64_t job, int64_t compacted_revision) {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  {
    ScopedReset reset(rollups_.Reset().Bind(1, job));
    while (true) {
      const absl::StatusOr<bool> found = rollups_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      if (absl::Status status = RollupOf(rollups_).status(); !status.ok()) return status;
    }
  }
  ScopedReset reset(rows_.Reset().Bind(1, RowId(job, 0)).Bind(2, RowId(job, kMaxRevision)));
  int64_t revision = 0;
  int64_t other = 0;
  while (true) {
    const absl::StatusOr<bool> found = rows_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return absl::OkStatus();
    const absl::StatusOr<RowPtr> row = RowOf(rows_);
    if (!row.ok()) return row.status();
    const int64_t first = (*row)->first_revision;
    // Before that, iterations have been thinned.
    if (first > std::max(revision, compacted_revision) + 1) return Missing(revision + 1, first - 1);
    revision = (*row)->last_revision;
    if ((*row)->kind == v1::ITERATION) continue;
    if (PreviousOf(rows_) != std::exchange(other, first)) {
      return Missing(PreviousOf(rows_), PreviousOf(rows_));
    }
  }
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
    folders.emplace_back(folders_.Blob(0));
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
