// The process's file descriptors: how many there are, and what each kind of connection may take of
// them. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_DESCRIPTORS_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_DESCRIPTORS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace descent::daemon {

// Raises the soft limit to the hard one, and returns it. Call it before any connection is taken.
int64_t RaiseDescriptorLimit();

// Gives the soft limit as it is now: somebody may have changed it (prlimit).
int64_t DescriptorLimit();

// How many connections of each kind may be open, so that together they leave to the daemon what it
// needs itself: the store, the workers, their logs.
struct ConnectionLimits {
  int64_t http = 0;  // besides kHealthConnections
  int64_t grpc = 0;
  // These are at the workers' socket, of processes that the daemon has not started.
  int64_t workers = 0;
};
ConnectionLimits LimitsOf(int64_t descriptors, int running_jobs);

// So many HTTP connections are beyond all limits, for those that ask how the daemon is.
inline constexpr int64_t kHealthConnections = 16;
// So many of these descriptors are held open from the start: whoever else uses up all there are,
// these are left.
inline constexpr int64_t kHeldForHealth = 8;

// True if this errno says that no descriptor, or no memory of the kernel's, is left.
bool IsOutOfDescriptors(int error);

// Gives OK if a file can be opened now; else RESOURCE_EXHAUSTED, with the limit.
absl::Status CheckDescriptors();

// A descriptor held open for when there is no other: closed, it makes room to accept one connection
// and say so on it. Not thread-safe.
class SpareDescriptor {
 public:
  SpareDescriptor() { Take(); }
  ~SpareDescriptor() { Release(); }
  SpareDescriptor(const SpareDescriptor&) = delete;
  SpareDescriptor& operator=(const SpareDescriptor&) = delete;

  void Take();  // holds one again, or none if there is none to be had
  void Release();
  bool held() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Descriptors held open for a purpose, and lent to it when there are no others. The legal order of
// calls is below. Not thread-safe.
//
//   Fill* (Lend (TakeBack | Fill)*)*
class HeldDescriptors {
 public:
  explicit HeldDescriptors(int64_t count);
  ~HeldDescriptors();
  HeldDescriptors(const HeldDescriptors&) = delete;
  HeldDescriptors& operator=(const HeldDescriptors&) = delete;

  // Closes one, so that one can be opened. False if all are lent.
  bool Lend();
  // Holds this descriptor, which is open, in place of one that was lent. What it stood for is
  // closed, and nobody else can have the descriptor meanwhile.
  void TakeBack(int fd);
  // Holds what is missing, as far as there are descriptors again.
  void Fill();

 private:
  const size_t count_;
  const int source_;  // what is held is copies of it
  std::vector<int> held_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_DESCRIPTORS_H_
