#include "server/daemon/journal/reader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/read_transaction.h"
#include "server/daemon/journal/row_builder.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/stored_rollup.h"
#include "server/daemon/journal/stored_row.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

bool Wanted(v1::EventKind kind, const std::vector<v1::EventKind>& kinds) {
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

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
      {&namesakes_, "SELECT " DESCENT_JOB_COLUMNS ", snapshot, snapshot_checksum FROM jobs "
                    "WHERE job_id = ?1 AND number <> ?2"},
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
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
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
    // These are rows of one event each: none begins before the cursor and ends after it.
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
  int64_t seen = after_revision;  // in a chain: the first revision of the row before
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
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
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
  // It is read with what follows, since the next question is for the next iteration.
  rows_.Reset().Bind(1, found_id).Bind(2, last);
  absl::StatusOr<std::vector<RowPtr>> rows =
      ReadRows(rows_, RevisionOf(found_id) - 1, head_revision, kMaxRowBytes, {v1::ITERATION});
  if (!rows.ok()) return rows.status();
  return rows->front();
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
