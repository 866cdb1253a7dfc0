// What a Hello says, in whichever version of the worker protocol. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_HELLO_H_
#define DESCENT_SERVER_DAEMON_WORKERS_HELLO_H_

#include <cstdint>

#include "descent/worker/v1/worker.pb.h"
#include "server/daemon/launch/processes.h"

namespace descent::daemon {

inline constexpr int32_t kProtocolVersion = 2;
inline constexpr int32_t kOldestProtocolVersion = 1;

inline ProcessId ProcessOf(const worker::v1::Hello& hello) {
  return {hello.worker().pid(), hello.worker().process_start_ticks()};
}

// Gives the worker's role. A worker of version 1 says none; whether it names a job tells.
inline worker::v1::Hello::Role RoleOf(const worker::v1::Hello& hello) {
  using worker::v1::Hello;
  if (hello.role() != Hello::ROLE_UNSPECIFIED) return hello.role();
  return hello.job().empty() ? Hello::SPARE : Hello::RANK;
}

// True if the worker is in an attempt already. A program names its job in any case.
inline bool RunsAttempt(const worker::v1::Hello& hello) {
  return RoleOf(hello) == worker::v1::Hello::PROGRAM ? hello.attempt() > 0 : !hello.job().empty();
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_HELLO_H_
