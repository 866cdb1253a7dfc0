// A `ReadTransaction` is one of the store's: every statement in it sees the same state. It is for
// the sources of reader.h alone. One thread at a time.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_READ_TRANSACTION_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_READ_TRANSACTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

class ReadTransaction {
 public:
  ReadTransaction(Statement& begin, Statement& end) : end_(end), status_(begin.Run()) {}
  ~ReadTransaction() {
    if (status_.ok()) end_.Run().IgnoreError();
  }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  const absl::Status& status() const { return status_; }

 private:
  Statement& end_;
  const absl::Status status_;
};

inline absl::Status Missing(int64_t first, int64_t last) {
  return absl::DataLossError(first == last
                                 ? absl::StrCat("revision ", first, " is missing")
                                 : absl::StrCat("revisions ", first, " to ", last, " are missing"));
}

inline absl::Status Deleted() { return absl::NotFoundError("the job has been deleted"); }

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_READ_TRANSACTION_H_
