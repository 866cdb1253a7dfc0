// `DatabaseFiles` are the files that a database was opened as: by name they must stay the same
// ones. What is written to a file that was deleted or replaced is lost with the process, and SQLite
// does not notice. Thread-safe; a look costs three calls of statx.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_DATABASE_FILES_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_DATABASE_FILES_H_

#include <sys/types.h>

#include <array>
#include <string>

#include "absl/status/status.h"
#include "server/common/mutex.h"

namespace descent::daemon {

class DatabaseFiles {
 public:
  // It must be made once the database is open.
  explicit DatabaseFiles(const std::string& path);

  // Gives FAILED_PRECONDITION if one of them is not there any more, and says which.
  absl::Status Check() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct File {
    std::string path;
    bool seen = false;
    dev_t device = 0;
    ino_t inode = 0;
  };

  server::Mutex mutex_;
  std::array<File, 3> files_ ABSL_GUARDED_BY(mutex_);  // SQLite makes the log when it needs it
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_DATABASE_FILES_H_
