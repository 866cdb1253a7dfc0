// Files that are copied, and folders that are made, whole or not at all. Free functions; any
// thread.
#ifndef DESCENT_SERVER_DAEMON_BACKUP_FILES_H_
#define DESCENT_SERVER_DAEMON_BACKUP_FILES_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace descent::daemon {

// Gives a failed call's errno as a status with this beginning: NOT_FOUND if there is no such file,
// RESOURCE_EXHAUSTED if there is no room, else UNAVAILABLE.
absl::Status FileError(int error, const std::string& doing);

// Makes a file's second name, where the file system has such, or else copies it. `to` must not
// exist.
absl::Status LinkOrCopy(const std::string& from, const std::string& to);
// Copies a file with its permissions, as far as the umask lets them; durable on return but for its
// name. `to` must not exist; nothing is left of it after an error. FAILED_PRECONDITION if `from` is
// no regular file.
absl::Status Copy(const std::string& from, const std::string& to);

// Gives every regular file that has the name of a file in `from`, at any depth, the same place in
// `to`, by LinkOrCopy if `link`, else by Copy, and adds up their bytes. Nothing if there is no
// `from`.
absl::Status CopyTree(const std::string& from, const std::string& to, bool link, int64_t* bytes);

// What lets workers, clients and other machines know a daemon, by its names in the daemon's folder.
inline constexpr std::array<const char*, 4> kSecretFiles = {"worker.key", "tokens.json",
                                                            "admin.token", "tls"};
// Copies those that there are from one folder to another.
absl::Status CopySecrets(const std::string& from, const std::string& to);

// Copies the daemon's own list of who did what (../audit), if there is one. What is added to it
// meanwhile may be cut short, which its next reader takes away.
absl::Status CopyAudit(const std::string& from, const std::string& to);

// Makes a folder, and those above it, for their owner alone.
absl::Status MakeFolder(const std::string& path);
// Makes the names in a folder durable.
absl::Status SyncFolder(const std::string& path);
// Makes those of all folders in it durable too.
absl::Status SyncTree(const std::string& path);

// A folder that was empty, or not there, and is so again unless all that was to be put into it was:
// then Keep is called.
class FolderInTheMaking {
 public:
  // The folder is there; what it holds is to be removed.
  explicit FolderInTheMaking(std::string path) : path_(std::move(path)) {}
  ~FolderInTheMaking();
  FolderInTheMaking(const FolderInTheMaking&) = delete;
  FolderInTheMaking& operator=(const FolderInTheMaking&) = delete;

  void Keep() { kept_ = true; }

 private:
  const std::string path_;
  bool kept_ = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_BACKUP_FILES_H_
