// A copy of a whole store while a daemon serves it (`descentd backup`). Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_BACKUP_BACKUP_H_
#define DESCENT_SERVER_DAEMON_BACKUP_BACKUP_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/journal/check.h"

namespace descent::daemon {

// What says of a folder that it holds a whole backup: it is written last.
inline constexpr const char* kBackupNote = "backup.json";

// It is called before each part of the work, with what is done now: `copies the database (40 %)`.
using BackupProgress = std::function<void(const std::string& what)>;

struct BackupOptions {
  std::string data_dir;   // that of the daemon
  std::string folder;     // where the backup goes: a new folder, or an empty one
  bool secrets = false;   // kSecretFiles (files.h) too
  bool no_links = false;  // checkpoints are copied even where a second name would do
};

// What a backup holds, or what was restored.
struct BackupResult {
  int64_t checkpoints = 0;
  int64_t bytes = 0;   // of the database, the checkpoints and the datasets
  StoreReport report;  // what the check of the copy found: the damage is that of the store itself
};

// Copies the store as it is at one moment: the database, and of each job the files of the
// checkpoints that the copied journal keeps, checked against it. Where the file system allows,
// these are second names of the same files, which nobody writes to. Nothing is asked of the daemon,
// whose log grows while the database is copied. The folder can be looked at with `descentd check`.
//
// NOT_FOUND if there is no store; FAILED_PRECONDITION if the folder is not empty, lies in the
// store, or another backup goes there, or if the store is of another version; RESOURCE_EXHAUSTED if
// there is no room; UNAVAILABLE if a file can't be read or written, or checkpoints come and go too
// fast. The folder is as it was then.
absl::StatusOr<BackupResult> Backup(const BackupOptions& options, const BackupProgress& progress);

// Gives FAILED_PRECONDITION, with `use` for what to do, unless the folder is empty, or not there.
absl::Status CheckEmpty(const std::string& folder, const std::string& use);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_BACKUP_BACKUP_H_
