// A `SocketCensus` counts sockets that were given to somebody who closes them without a word
// (gRPC). Which of them are still open shows by their inode: a number that was closed is no file's,
// or another's. Not thread-safe.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_CENSUS_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_CENSUS_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace descent::daemon {

class SocketCensus {
 public:
  void Add(int fd) { sockets_.push_back({fd, InodeOf(fd)}); }

  // How many may be open, at most, as of the last Count.
  int64_t bound() const { return static_cast<int64_t>(sockets_.size()); }

  // Looks at each, and gives how many are open.
  int64_t Count() {
    std::erase_if(sockets_,
                  [](const Socket& s) { return s.inode == 0 || InodeOf(s.fd) != s.inode; });
    return bound();
  }

 private:
  struct Socket {
    int fd;
    ino_t inode;
  };

  // Gives 0 if the descriptor is not open.
  static ino_t InodeOf(int fd) {
    struct stat status{};
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
  }

  std::vector<Socket> sockets_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_CENSUS_H_
