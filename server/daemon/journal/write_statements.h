// `WriteStatements` are all that is ever written to the store, as prepared statements; the caller
// wraps them into transactions. The writer's thread uses them.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_WRITE_STATEMENTS_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_WRITE_STATEMENTS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/journal/job_line.h"
#include "server/daemon/journal/rollup.h"
#include "server/daemon/journal/row.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

class WriteStatements {
 public:
  static absl::StatusOr<std::unique_ptr<WriteStatements>> Prepare(Connection& connection);

  absl::Status Begin() { return begin_.Run(); }
  absl::Status Commit() { return commit_.Run(); }

  // Gives the new job's number.
  absl::StatusOr<int64_t> InsertJob(std::string_view job_id, std::string_view snapshot);
  // `previous` is StoredRow::previous.
  absl::Status InsertRow(int64_t job, const Row& row, int64_t previous);
  absl::Status UpdateSnapshot(int64_t job, std::string_view job_id, std::string_view snapshot);
  // Notes that the journal has rows up to here: by it one notices that the last ones are lost.
  absl::Status NoteHead(int64_t job, int64_t revision);
  // Gives DATA_LOSS, with a clause, if the table `jobs` has no such line any more.
  absl::Status UpdateLine(const JobLine& line);
  // The same without an update.
  absl::Status FindLine(int64_t job);
  // Gives how many bytes the iteration rows after that revision have.
  absl::StatusOr<int64_t> CountIterationBytes(int64_t job, int64_t after_revision);

  // Marks the job's rows for RemoveSome, and its folder for removal.
  absl::Status DeleteJob(int64_t job, std::string_view job_id);
  absl::Status ForgetFolder(std::string_view job_id);
  // Removes about `bytes` of deleted jobs' rows. False if there are none.
  absl::StatusOr<bool> RemoveSome(int64_t bytes);
  // Give the number of pages of the file that nothing uses, and give some of them back to the file
  // system (which has them once the log is folded in: FoldLog, outside of a transaction).
  absl::StatusOr<int64_t> UnusedPages();
  absl::Status Shrink();
  absl::Status FoldLog();

  // Gives the oldest iteration rows before `head_revision`, about `bytes` of them, at least one if
  // there is any.
  absl::StatusOr<std::vector<RowPtr>> OldestBatches(int64_t job, int64_t after_revision,
                                                    int64_t head_revision, int64_t bytes);
  absl::Status RemoveRow(int64_t job, const Row& row);
  // Gives DATA_LOSS if what is there of it is not what was written.
  absl::Status MergeRollup(int64_t job, const Rollup& rollup);

 private:
  explicit WriteStatements(Connection& connection) : connection_(connection) {}

  Connection& connection_;
  Statement begin_, commit_, insert_job_, insert_row_, update_snapshot_, update_line_, count_after_,
      delete_job_, mark_deleted_, mark_folder_, forget_folder_, deleted_jobs_, rows_of_,
      remove_row_, remove_rollups_, unmark_deleted_, oldest_batches_, find_rollup_, replace_rollup_,
      note_head_, remove_head_, find_line_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_WRITE_STATEMENTS_H_
