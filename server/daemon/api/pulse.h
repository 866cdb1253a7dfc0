// A `Pulse` keeps gRPC's threads for callbacks awake.
//
// In gRPC 1.51 each of them, after a second without an event, sleeps for 100 ms and looks at
// nothing meanwhile; on an otherwise idle daemon they do so at the same time, and whoever calls
// then waits up to 100 ms. An event at least twice a second, on whichever thread, leaves one of
// them awake. All servers and clients of a process share these threads, so one pulse is enough. Not
// thread-safe.
#ifndef DESCENT_SERVER_DAEMON_API_PULSE_H_
#define DESCENT_SERVER_DAEMON_API_PULSE_H_

#include <grpcpp/channel.h>

#include <memory>

namespace descent::daemon {

class Pulse {
 public:
  Pulse();

  // Must be called at least twice a second. Does not block.
  void Beat();

 private:
  // A channel that fails every call at once: no connection, no server.
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_PULSE_H_
