// `Pins` hold the files of checkpoints that a daemon may remove at any moment: each has a second
// name, in a folder `backup-PID` beside the jobs', until this ends. Not thread-safe.
#ifndef DESCENT_SERVER_DAEMON_BACKUP_PINS_H_
#define DESCENT_SERVER_DAEMON_BACKUP_PINS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

class Pins {
 public:
  // Makes none yet, but the folder. Those of processes that are no more are removed first.
  static absl::StatusOr<std::unique_ptr<Pins>> Make(const std::string& data_dir);
  ~Pins();
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;

  // Pins the checkpoints of all jobs that are there now, those that are pinned already too: a file
  // of the same name may be another by now. Some 20 µs a file.
  absl::Status AddAll();

  // Gives the files that had the name of this checkpoint, the newest first.
  std::vector<std::string> FilesOf(const std::string& job_id, const std::string& checkpoint) const;

 private:
  Pins(std::string data_dir, std::string folder)
      : data_dir_(std::move(data_dir)), folder_(std::move(folder)) {}

  std::string FolderOf(int round, const std::string& job_id) const;

  const std::string data_dir_;
  const std::string folder_;
  int rounds_ = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_BACKUP_PINS_H_
