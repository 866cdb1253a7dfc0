// A `Reader` is a read-only connection with its prepared statements: what can be asked of stored
// journals. Each call sees one state of the database (a WAL snapshot) and leaves no transaction
// open. It is used by one thread at a time.
//
// What is read is checked: each row against its checksum, and that none is missing between them.
// DATA_LOSS says at which revision that failed, in a clause that may follow a colon.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_READER_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"
#include "server/common/mutex.h"
#include "server/daemon/journal/job_line.h"
#include "server/daemon/journal/row.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

class Reader {
 public:
  static absl::StatusOr<std::unique_ptr<Reader>> Open(const std::string& path,
                                                      const std::string& vfs);

  // Reads as JobJournal::Read does, for the job with this number and up to `head_revision`.
  // NOT_FOUND if it was deleted. OUT_OF_RANGE if iterations are wanted that have been thinned.
  absl::StatusOr<std::vector<RowPtr>> Read(int64_t job, int64_t after_revision,
                                           int64_t head_revision, int64_t max_bytes,
                                           const std::vector<v1::EventKind>& kinds);

  // Finds as JobJournal::FindIteration does, by bisection, since (branch, iteration) grows with the
  // revision.
  absl::StatusOr<RowPtr> FindIteration(int64_t job, int64_t head_revision, int32_t branch,
                                       int64_t iteration);

  // Find as JobJournal::FindRequest and FindEvaluations do.
  absl::StatusOr<std::vector<RowPtr>> FindRequest(int64_t job, const std::string& request_id);
  absl::StatusOr<std::vector<RowPtr>> FindEvaluations(int64_t job, int32_t branch,
                                                      int64_t iteration);

  struct JobRecord {
    JobLine line;
    // The name that the line has, if that is whole; else the one that the snapshot has. If neither
    // can be trusted, the name is lost, and this is one that no other job has.
    std::string job_id;
    bool name_is_lost = false;
    v1::Job snapshot;        // as StoredJob's
    std::string request_id;  // as StoredJob's
    v1::TraceContext trace;
    int64_t head_revision = 0;
    int64_t final_revision = 0;
    absl::Status damage;
  };
  // Gives the numbers of all jobs, oldest first; then the numbers of jobs that have rows or notes
  // in the store, but no line in `jobs`, though nobody deleted them.
  absl::StatusOr<std::vector<int64_t>> JobNumbers();
  // Gives the job of one of these numbers, its first and last rows checked. NOT_FOUND if it was
  // deleted.
  absl::StatusOr<JobRecord> Job(int64_t number);
  // Gives the job's snapshot alone, as JobJournal::ReadSnapshot does.
  absl::StatusOr<v1::Job> ReadSnapshot(int64_t number);

  // Looks through all rows and roll-ups of one job that has a line. DATA_LOSS says what is wrong.
  absl::Status Check(int64_t job);

  // Whether a job was ever created.
  absl::StatusOr<bool> IsNew();

  // Gives the ids of deleted jobs whose folders may still be there.
  absl::StatusOr<std::vector<std::string>> FoldersToRemove();

  // Gives what is in the tables and belongs to no job, deleted or not, as clauses.
  absl::StatusOr<std::vector<std::string>> Strays();

 private:
  explicit Reader(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  absl::Status Prepare();
  // `head_revision` is where the rows must end if all of them are read; with 0 rows of other kinds
  // than ITERATION alone are read, and are checked as the chain that they are.
  absl::StatusOr<std::vector<RowPtr>> ReadRows(Statement& statement, int64_t after_revision,
                                               int64_t head_revision, int64_t max_bytes,
                                               const std::vector<v1::EventKind>& kinds);
  absl::StatusOr<std::vector<RowPtr>> ReadAll(Statement& statement);
  // Gives what the table of jobs has of a job. NOT_FOUND if it was deleted.
  absl::StatusOr<JobRecord> TableRecord(int64_t number);
  // Gives a job the name that it is known by. If there is none, or it is another job's, it gets one
  // that no other job has.
  absl::Status NameJob(const std::string& known, JobRecord* job);
  // Puts into the record what its first event says, which a snapshot leaves out.
  absl::Status LoadCreated(JobRecord* record);
  absl::Status LoadRecord(JobRecord* record);
  // Gives the numbers of all jobs that rows, roll-ups and notes of ends speak of, but for those
  // that were deleted.
  absl::StatusOr<std::set<int64_t>> RemainingJobs();
  // Gives what the writer last noted of where the journal ends; 0 if there is no note that can be
  // read.
  absl::StatusOr<int64_t> NotedHead(int64_t job);

  std::unique_ptr<Connection> connection_;
  Statement begin_, end_;
  Statement line_, row_at_, rows_, other_rows_, next_batch_, numbers_, job_, first_, last_,
      last_other_, last_state_, request_, evaluations_, ever_, folders_, head_, rollups_, deleted_,
      next_row_, next_rollup_, heads_, namesakes_;
};

// Readers for as many threads as read at once, at most `kMaxReaders`; more wait for their turn.
// Thread-safe.
class ReaderPool {
 public:
  static constexpr int kMaxReaders = 4;

  ReaderPool(std::string path, std::string vfs) : path_(std::move(path)), vfs_(std::move(vfs)) {}

  // Takes a reader, calls `use` with it, and puts it back.
  template <class Use>
  auto With(Use use) -> decltype(use(std::declval<Reader&>())) {
    absl::StatusOr<std::unique_ptr<Reader>> reader = Take();
    if (!reader.ok()) return reader.status();
    auto result = use(**reader);
    Return(*std::move(reader));
    return result;
  }

  // Keeps no connection from now on, so that the writer's is the last one: that folds the log into
  // the database when it closes, which these, read-only, can't.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<std::unique_ptr<Reader>> Take();
  void Return(std::unique_ptr<Reader> reader);

  const std::string path_;
  const std::string vfs_;
  server::Mutex mutex_;
  server::CondVar returned_;
  std::vector<std::unique_ptr<Reader>> idle_ ABSL_GUARDED_BY(mutex_);
  int readers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_READER_H_
