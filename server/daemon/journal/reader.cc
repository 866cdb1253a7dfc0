#include "server/daemon/journal/reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/row_builder.h"
#include "server/daemon/journal/schema.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

#define DESCENT_ROW_COLUMNS \
  "id, last_revision, kind, branch, first_iteration, last_iteration, entries"

RowPtr RowOf(const Statement& statement) {
  auto row = std::make_shared<Row>();
  row->first_revision = RevisionOf(statement.Int(0));
  row->last_revision = statement.Int(1);
  row->kind = static_cast<v1::EventKind>(statement.Int(2));
  row->branch = static_cast<int32_t>(statement.Int(3));
  row->first_iteration = statement.Int(4);
  row->last_iteration = statement.Int(5);
  row->entries = statement.Blob(6);
  return row;
}

bool Wanted(v1::EventKind kind, const std::vector<v1::EventKind>& kinds) {
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

absl::Status Deleted() { return absl::NotFoundError("the job has been deleted"); }

// Whether a row of one state_changed says that the job is final.
bool FinalState(std::string_view entries) {
  v1::WatchJobResponse response;
  return response.ParseFromArray(entries.data(), static_cast<int>(entries.size())) &&
         response.events_size() == 1 && IsFinal(response.events(0).state_changed().state());
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
  const std::pair<Statement*, const char*> statements[] = {
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
      {&jobs_, "SELECT number, job_id, snapshot, compacted_revision FROM jobs ORDER BY number"},
      {&head_,
       "SELECT last_revision FROM rows WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1"},
      {&last_state_,
       "SELECT entries, id FROM rows INDEXED BY rows_of_other_kinds "
       "WHERE id BETWEEN ?1 AND ?2 AND kind <> 13 AND kind = 18 ORDER BY id DESC LIMIT 1"},
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
    return ReadRows(other_rows_, after_revision, max_bytes, kinds);
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
  return ReadRows(rows_, after_revision, max_bytes, kinds);
}

absl::StatusOr<std::vector<RowPtr>> Reader::ReadRows(Statement& statement, int64_t after_revision,
                                                     int64_t max_bytes,
                                                     const std::vector<v1::EventKind>& kinds) {
  ScopedReset reset(statement);
  RowJoiner joiner;
  int64_t bytes = 0;
  while (bytes == 0 || bytes < max_bytes) {
    absl::StatusOr<bool> found = statement.Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    if (statement.Int(1) <= after_revision) continue;
    if (!Wanted(static_cast<v1::EventKind>(statement.Int(2)), kinds)) continue;
    RowPtr row = RowOf(statement);
    bytes += static_cast<int64_t>(row->entries.size());
    joiner.Add(std::move(row));
  }
  return joiner.Finish();
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
  absl::StatusOr<std::vector<RowPtr>> rows = ReadRows(rows_, 0, kMaxRowBytes, {v1::ITERATION});
  if (!rows.ok()) return rows.status();
  return rows->front();
}

absl::StatusOr<std::vector<Reader::JobRecord>> Reader::Jobs() {
  Snapshot snapshot(begin_, end_);
  if (!snapshot.status().ok()) return snapshot.status();
  std::vector<JobRecord> jobs;
  {
    ScopedReset reset(jobs_.Reset());
    while (true) {
      absl::StatusOr<bool> found = jobs_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      JobRecord& job = jobs.emplace_back();
      job.number = jobs_.Int(0);
      job.job_id = jobs_.Blob(1);
      job.snapshot = jobs_.Blob(2);
      job.compacted_revision = jobs_.Int(3);
    }
  }
  for (JobRecord& job : jobs) {
    const int64_t first = RowId(job.number, 1);
    const int64_t last = RowId(job.number, kMaxRevision);
    {
      ScopedReset reset(head_.Reset().Bind(1, first).Bind(2, last));
      absl::StatusOr<bool> found = head_.Step();
      if (!found.ok()) return found.status();
      if (*found) job.head_revision = head_.Int(0);
    }
    ScopedReset reset(last_state_.Reset().Bind(1, first).Bind(2, last));
    absl::StatusOr<bool> found = last_state_.Step();
    if (!found.ok()) return found.status();
    if (*found && FinalState(last_state_.Blob(0)))
      job.final_revision = RevisionOf(last_state_.Int(1));
  }
  return jobs;
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
  MutexLock lock(mutex_);
  idle_.push_back(std::move(reader));
  returned_.Signal();
}

}  // namespace descent::daemon
