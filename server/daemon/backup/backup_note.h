// What a backup leaves in the folder that it has copied: a file that holds the backup's own folder,
// of the time when it was made. Written by `descentd backup`; read by metrics/, that somebody hears
// when the last one is too old.
#ifndef DESCENT_SERVER_DAEMON_BACKUP_BACKUP_NOTE_H_
#define DESCENT_SERVER_DAEMON_BACKUP_BACKUP_NOTE_H_

namespace descent::daemon {

// Its name there. A backup that found damage leaves none.
inline constexpr char kLastBackup[] = "last_backup";

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_BACKUP_BACKUP_NOTE_H_
