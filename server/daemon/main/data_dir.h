// A `DataDir` is a daemon's folder, locked for as long as this lives: one writer. Not thread-safe.
#ifndef DESCENT_SERVER_DAEMON_MAIN_DATA_DIR_H_
#define DESCENT_SERVER_DAEMON_MAIN_DATA_DIR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

// Gives `~/.local/share/descent`, or what XDG_DATA_HOME says.
std::string DefaultDataDir();

class DataDir {
 public:
  // Makes the folder if need be, for its owner alone; in one that was there before it takes from
  // others what they may do with the store's files. FAILED_PRECONDITION if another daemon has it;
  // UNAVAILABLE if it can't be made or written.
  static absl::StatusOr<std::unique_ptr<DataDir>> Lock(const std::string& path);

  // Takes descentd.json away, then the lock.
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  const std::string& path() const { return path_; }  // absolute

  // Gives the paths of the files that let somebody in, or pass for this daemon; some may not be
  // there.
  std::vector<std::string> Secrets() const;

  // Gives where workers find the daemon: in the folder if a unix socket's path may be that long,
  // else a short path that depends on the folder alone, so that workers find the next daemon too.
  absl::StatusOr<std::string> WorkerSocket() const;
  // The same for clients of the daemon's user: whoever can reach it is let in, so that it lies in
  // a folder in which nobody else may write.
  absl::StatusOr<std::string> ClientSocket() const;

  // What programs that look for the daemon are told.
  struct Announcement {
    std::string grpc;  // HOST:PORT
    std::string http;  // HOST:PORT
    std::string worker_socket;
    std::string client_socket;
    bool tls = false;           // whether both addresses speak TLS
    std::string auth = "none";  // `tokens`, or `none`
  };
  // Writes descentd.json, which says that; replaces it in one piece.
  absl::Status Announce(const Announcement& announcement);

 private:
  DataDir(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  absl::StatusOr<std::string> Socket(const std::string& name, bool must_be_ours) const;

  const std::string path_;
  const int lock_;
  bool announced_ = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_DATA_DIR_H_
