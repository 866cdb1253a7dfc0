// A `Ruleset` says what a process may do with which files: Landlock's
// (https://docs.kernel.org/userspace-api/landlock.html), by its system calls, of which the C
// library knows nothing. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_CONFINEMENT_RULESET_H_
#define DESCENT_SERVER_WORKER_CONFINEMENT_RULESET_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::worker {

// Gives the version of Landlock that the kernel has; 0: none, or it is switched off. Any thread.
int LandlockVersion();

class Ruleset {
 public:
  enum class Right {
    kRead,    // and list folders
    kUse,     // of a device: read, write, and its own calls
    kChange,  // read, list, make, write and remove
  };

  // Makes a ruleset that refuses everything about files that this kernel's version can refuse.
  // FAILED_PRECONDITION if there is no Landlock.
  static absl::StatusOr<Ruleset> Create();
  ~Ruleset();
  Ruleset(Ruleset&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), handled_(other.handled_) {}
  Ruleset& operator=(Ruleset&&) = delete;

  // Allows something with a file, or with all that is in a folder and below. What isn't there, or
  // is a link, is passed over. INTERNAL if the kernel refuses for another reason.
  absl::Status Allow(const std::string& path, Right right);

  // Has it hold for all threads of this process, and for what they start. Errors as
  // OnEveryThread's.
  absl::Status Enforce() const;

 private:
  Ruleset(int descriptor, uint64_t handled) : descriptor_(descriptor), handled_(handled) {}

  int descriptor_;
  uint64_t handled_;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_CONFINEMENT_RULESET_H_
