// `FaultyVfs` is a SQLite VFS over the default one that fails on demand. There is one for the whole
// process, registered by the first call of Get.
#ifndef DESCENT_TESTS_SERVER_DAEMON_JOURNAL_FAULTY_VFS_H_
#define DESCENT_TESTS_SERVER_DAEMON_JOURNAL_FAULTY_VFS_H_

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>

namespace descent::daemon {

class FaultyVfs {
 public:
  static FaultyVfs& Get();
  static constexpr const char* kName = "descent-faulty";

  // SQLite's code that the next calls fail with, until set to 0 (SQLITE_OK): SQLITE_IOERR_FSYNC,
  // SQLITE_FULL, SQLITE_IOERR_WRITE.
  std::atomic<int> fail_sync{0};
  std::atomic<int> fail_write{0};
  std::atomic<int> fail_errno{EIO};  // the system's, of what fails

  // A disk that has room for files of so many bytes: a write beyond is SQLITE_FULL. 0: for all.
  std::atomic<int64_t> most_bytes{0};

  // If not empty, a folder that gets a copy of each file whenever it is synced: what a disk holds
  // after a power failure at its worst. To be set while nothing is open.
  std::string synced_folder;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_JOURNAL_FAULTY_VFS_H_
