#include "server/daemon/journal/write_statements.h"

#include <string>
#include <utility>

#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/stored_rollup.h"
#include "server/daemon/journal/stored_row.h"

namespace descent::daemon {
namespace {

absl::Status LineIsGone() {
  return absl::DataLossError(
      "its line was taken out of the table `jobs` while descentd served it, by another program");
}

}  // namespace

absl::StatusOr<std::unique_ptr<WriteStatements>> WriteStatements::Prepare(Connection& connection) {
  std::unique_ptr<WriteStatements> s(new WriteStatements(connection));
  const std::pair<Statement*, std::string> statements[] = {
      {&s->begin_, "BEGIN IMMEDIATE"},
      {&s->commit_, "COMMIT"},
      {&s->insert_job_,
       "INSERT INTO jobs (job_id, snapshot, snapshot_checksum) VALUES (?1, ?2, ?3)"},
      {&s->insert_row_,
       "INSERT INTO rows (id, last_revision, kind, branch, first_iteration, last_iteration, "
       "entries, checksum, previous, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
      {&s->update_snapshot_,
       "UPDATE jobs SET snapshot = ?2, snapshot_checksum = ?3 WHERE number = ?1"},
      {&s->update_line_, kUpdateJobLine},
      {&s->count_after_,
       "SELECT coalesce(sum(length(entries)), 0) FROM rows "
       "WHERE id BETWEEN ?1 AND ?2 AND kind = 13"},
      {&s->delete_job_, "DELETE FROM jobs WHERE number = ?1"},
      {&s->mark_deleted_, "INSERT OR REPLACE INTO deleted_jobs (number, checksum) VALUES (?1, ?2)"},
      {&s->mark_folder_,
       "INSERT OR REPLACE INTO folders_to_remove (job_id, checksum) VALUES (?1, ?2)"},
      {&s->forget_folder_, "DELETE FROM folders_to_remove WHERE job_id = ?1"},
      // A note that is damaged may name any other job.
      {&s->deleted_jobs_,
       "SELECT number, checksum FROM deleted_jobs WHERE number NOT IN (SELECT number FROM jobs)"},
      {&s->rows_of_, "SELECT id, length(entries) FROM rows WHERE id BETWEEN ?1 AND ?2 ORDER BY id"},
      {&s->remove_row_, "DELETE FROM rows WHERE id = ?1"},
      {&s->remove_rollups_, "DELETE FROM rollups WHERE job = ?1"},
      {&s->unmark_deleted_, "DELETE FROM deleted_jobs WHERE number = ?1"},
      {&s->oldest_batches_,
       "SELECT " DESCENT_ROW_COLUMNS
       " FROM rows WHERE id BETWEEN ?1 AND ?2 AND kind = 13 AND last_revision < ?3 ORDER BY id"},
      {&s->find_rollup_, "SELECT " + RollupColumns() +
                             " FROM rollups WHERE job = ?1 AND branch = ?2 AND bucket = ?3"},
      {&s->replace_rollup_, "INSERT OR REPLACE INTO rollups (" + RollupColumns() + ") VALUES (" +
                                RollupParameters() + ")"},
      {&s->note_head_,
       "INSERT OR REPLACE INTO heads (job, revision, checksum) VALUES (?1, ?2, ?3)"},
      {&s->remove_head_, "DELETE FROM heads WHERE job = ?1"},
      {&s->find_line_, "SELECT 1 FROM jobs WHERE number = ?1"},
  };
  for (const auto& [statement, sql] : statements) {
    absl::StatusOr<Statement> prepared = connection.Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return s;
}

absl::StatusOr<int64_t> WriteStatements::InsertJob(std::string_view job_id,
                                                   std::string_view snapshot) {
  // A namesake's folder is this job's from now on.
  if (absl::Status status = ForgetFolder(job_id); !status.ok()) return status;
  absl::Status status = insert_job_.Reset()
                            .BindText(1, job_id)
                            .BindBlob(2, snapshot)
                            .Bind(3, int64_t{Checksum(job_id, snapshot)})
                            .Run();
  if (!status.ok()) return status;
  const int64_t number = connection_.last_insert_rowid();
  status = UpdateLine({.number = number, .job_id = std::string(job_id)});
  if (!status.ok()) return status;
  return number;
}

absl::Status WriteStatements::InsertRow(int64_t job, const Row& row, int64_t previous) {
  const StoredRow stored{.id = RowId(job, row.first_revision),
                         .last_revision = row.last_revision,
                         .kind = static_cast<int64_t>(row.kind),
                         .branch = row.branch,
                         .first_iteration = row.first_iteration,
                         .last_iteration = row.last_iteration,
                         .previous = row.kind == v1::ITERATION ? 0 : previous,
                         .request_id = row.request_id,
                         .entries = row.entries};
  insert_row_.Reset()
      .Bind(1, stored.id)
      .Bind(2, stored.last_revision)
      .Bind(3, stored.kind)
      .Bind(4, stored.branch)
      .Bind(5, stored.first_iteration)
      .Bind(6, stored.last_iteration)
      .BindBlob(7, stored.entries)
      .Bind(8, int64_t{Checksum(stored)});
  if (row.kind == v1::ITERATION) {
    insert_row_.BindNull(9);
  } else {
    insert_row_.Bind(9, stored.previous);
  }
  if (row.request_id.empty()) {
    insert_row_.BindNull(10);
  } else {
    insert_row_.BindText(10, row.request_id);
  }
  return insert_row_.Run();
}

absl::Status WriteStatements::UpdateSnapshot(int64_t job, std::string_view job_id,
                                             std::string_view snapshot) {
  return update_snapshot_.Reset()
      .Bind(1, job)
      .BindBlob(2, snapshot)
      .Bind(3, int64_t{Checksum(job_id, snapshot)})
      .Run();
}

absl::Status WriteStatements::NoteHead(int64_t job, int64_t revision) {
  return note_head_.Reset()
      .Bind(1, job)
      .Bind(2, revision)
      .Bind(3, int64_t{Checksum(job, revision)})
      .Run();
}

absl::Status WriteStatements::UpdateLine(const JobLine& line) {
  absl::Status status = BindJobLine(update_line_.Reset(), line).Run();
  if (status.ok() && connection_.changes() == 0) return LineIsGone();
  return status;
}

absl::Status WriteStatements::FindLine(int64_t job) {
  ScopedReset reset(find_line_.Reset().Bind(1, job));
  const absl::StatusOr<bool> found = find_line_.Step();
  if (!found.ok()) return found.status();
  return *found ? absl::OkStatus() : LineIsGone();
}

absl::StatusOr<int64_t> WriteStatements::CountIterationBytes(int64_t job, int64_t after_revision) {
  ScopedReset reset(count_after_.Reset()
                        .Bind(1, RowId(job, after_revision + 1))
                        .Bind(2, RowId(job, kMaxRevision)));
  absl::StatusOr<bool> found = count_after_.Step();
  if (!found.ok()) return found.status();
  return count_after_.Int(0);
}

absl::Status WriteStatements::DeleteJob(int64_t job, std::string_view job_id) {
  if (absl::Status status = delete_job_.Reset().Bind(1, job).Run(); !status.ok()) return status;
  if (absl::Status status = remove_head_.Reset().Bind(1, job).Run(); !status.ok()) return status;
  mark_folder_.Reset().BindText(1, job_id).Bind(2, int64_t{Checksum(job_id)});
  if (absl::Status status = mark_folder_.Run(); !status.ok()) return status;
  return mark_deleted_.Reset().Bind(1, job).Bind(2, int64_t{Checksum(job)}).Run();
}

absl::Status WriteStatements::ForgetFolder(std::string_view job_id) {
  return forget_folder_.Reset().BindText(1, job_id).Run();
}

absl::StatusOr<int64_t> WriteStatements::UnusedPages() {
  return connection_.QueryInt("PRAGMA freelist_count");
}

absl::Status WriteStatements::Shrink() {
  return connection_.Execute("PRAGMA incremental_vacuum(256)");
}

absl::Status WriteStatements::FoldLog() {
  return connection_.Execute("PRAGMA wal_checkpoint(PASSIVE)");
}

absl::StatusOr<bool> WriteStatements::RemoveSome(int64_t bytes) {
  int64_t job = 0;
  {
    ScopedReset reset(deleted_jobs_.Reset());
    do {
      absl::StatusOr<bool> found = deleted_jobs_.Step();
      if (!found.ok()) return found.status();
      if (!*found) return false;
      job = deleted_jobs_.Int(0);
    } while (deleted_jobs_.Int(1) != int64_t{Checksum(job)});
  }
  std::vector<int64_t> ids;
  if (IsJobNumber(job)) {
    ScopedReset reset(rows_of_.Reset().Bind(1, RowId(job, 0)).Bind(2, RowId(job, kMaxRevision)));
    constexpr int64_t kRowCost = 100;  // a row costs time however short it is
    for (int64_t sum = 0; sum < bytes;) {
      absl::StatusOr<bool> found = rows_of_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      ids.push_back(rows_of_.Int(0));
      sum += rows_of_.Int(1) + kRowCost;
    }
  }
  for (const int64_t id : ids) {
    if (absl::Status status = remove_row_.Reset().Bind(1, id).Run(); !status.ok()) return status;
  }
  if (!ids.empty()) return true;
  if (absl::Status status = remove_rollups_.Reset().Bind(1, job).Run(); !status.ok()) return status;
  if (absl::Status status = unmark_deleted_.Reset().Bind(1, job).Run(); !status.ok()) return status;
  return true;
}

absl::StatusOr<std::vector<RowPtr>> WriteStatements::OldestBatches(int64_t job,
                                                                   int64_t after_revision,
                                                                   int64_t head_revision,
                                                                   int64_t bytes) {
  std::vector<RowPtr> rows;
  ScopedReset reset(oldest_batches_.Reset()
                        .Bind(1, RowId(job, after_revision + 1))
                        .Bind(2, RowId(job, head_revision))
                        .Bind(3, head_revision));
  int64_t sum = 0;
  while (rows.empty() || sum < bytes) {
    absl::StatusOr<bool> found = oldest_batches_.Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    absl::StatusOr<RowPtr> checked = RowOf(oldest_batches_);
    if (!checked.ok()) return checked.status();
    RowPtr row = *std::move(checked);
    sum += static_cast<int64_t>(row->entries.size());
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::Status WriteStatements::RemoveRow(int64_t job, const Row& row) {
  return remove_row_.Reset().Bind(1, RowId(job, row.first_revision)).Run();
}

absl::Status WriteStatements::MergeRollup(int64_t job, const Rollup& rollup) {
  Rollup merged = rollup;
  {
    ScopedReset reset(
        find_rollup_.Reset().Bind(1, job).Bind(2, int64_t{rollup.branch}).Bind(3, rollup.bucket));
    const absl::StatusOr<bool> found = find_rollup_.Step();
    if (!found.ok()) return found.status();
    if (*found) {
      absl::StatusOr<Rollup> stored = RollupOf(find_rollup_);
      if (!stored.ok()) return stored.status();
      merged = *std::move(stored);
      merged.Add(rollup);
    }
  }
  BindRollup(replace_rollup_.Reset(), job, merged);
  return replace_rollup_.Run();
}

}  // namespace descent::daemon
