// A store that is made from a backup (`descentd restore`). A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_BACKUP_RESTORE_H_
#define DESCENT_SERVER_DAEMON_BACKUP_RESTORE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/daemon/backup/backup.h"

namespace descent::daemon {

// Copies a backup into a daemon's folder, which is empty and locked by the caller, brings the
// copied database up to date as a daemon's start does, and checks all of it, the checkpoints byte
// for byte. What jobs were running then goes on from there when a daemon starts.
//
// NOT_FOUND if `folder` is no backup, or one that was not finished; DATA_LOSS if its database is
// not what was written; FAILED_PRECONDITION if it is of a newer version; RESOURCE_EXHAUSTED,
// UNAVAILABLE as Backup. The daemon's folder is empty again then.
absl::StatusOr<BackupResult> Restore(const std::string& folder, const std::string& data_dir,
                                     const BackupProgress& progress);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_BACKUP_RESTORE_H_
