// `MemoryGroups` hold each worker to a memory limit: by a cgroup of its own (version 2,
// https://docs.kernel.org/admin-guide/cgroup-v2.html) within the daemon's, where the system has
// left that one to the daemon (systemd's Delegate=). Never by RLIMIT_AS, which counts addresses:
// CUDA reserves more of them than any machine has memory.
//
// A worker's group is `worker-{id}`, and outlives the daemon as the worker does. Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_LAUNCH_MEMORY_GROUPS_H_
#define DESCENT_SERVER_DAEMON_LAUNCH_MEMORY_GROUPS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::daemon {

// Gives the folder of this process's cgroup. `proc` is where /proc is. NOT_FOUND, with a sentence
// without its full stop, if there is none of version 2.
absl::StatusOr<std::string> OwnGroup(const std::string& proc = "/proc");

// Gives how many bytes the processes of a group can have: the machine's memory, or the limit of the
// group or of one that it is in.
int64_t MemoryOf(const std::string& group);

class MemoryGroups {
 public:
  // How a group's processes met with a want of memory.
  enum class Kill {
    kNone,
    kOverLimit,  // one was killed, because the group was at its limit
    kMachine,    // one was killed, because the machine had none left
  };

  // Takes over the cgroup in this folder, which is this process's, and this process's alone: moves
  // it into a group `daemon` of its own, since a group with limits within has no processes itself,
  // and sets the limit, in bytes, for workers that are there already. FAILED_PRECONDITION, with a
  // sentence without its full stop, if the group is not the daemon's to part, or doesn't count
  // memory.
  static absl::StatusOr<std::unique_ptr<MemoryGroups>> TakeOver(const std::string& folder,
                                                                int64_t limit);

  int64_t limit() const { return limit_; }

  // Moves a process into a new group of this name, with the limit; gives the group's folder. The
  // error is a sentence without its full stop.
  absl::StatusOr<std::string> Add(const std::string& worker_id, int64_t pid) const;

  // Gives the folder of the group that a process is in, if that is one of these; else nothing.
  std::string Of(int64_t pid) const;

  // Says whether a process of a group was killed for memory.
  static Kill KillIn(const std::string& group);

  // Removes a group whose processes have ended.
  static void Remove(const std::string& group);

 private:
  MemoryGroups(std::string folder, int64_t limit) : folder_(std::move(folder)), limit_(limit) {}

  absl::Status SetLimit(const std::string& group) const;
  void TakeOverWorkers() const;

  const std::string folder_;
  const int64_t limit_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_LAUNCH_MEMORY_GROUPS_H_
