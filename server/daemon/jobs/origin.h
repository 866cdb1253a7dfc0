// Where requests come from, as the journal and the log have it. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_ORIGIN_H_
#define DESCENT_SERVER_DAEMON_JOBS_ORIGIN_H_

#include <string>

#include "descent/v1/event.pb.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// Puts the trace in which the caller asks into Created or CommandAccepted; nothing if he says none.
template <class Origin>
void SetTrace(const Caller& caller, Origin& origin) {
  if (caller.trace.empty()) return;
  origin.mutable_trace()->set_parent(caller.trace.parent);
  origin.mutable_trace()->set_state(caller.trace.state);
}

// Tells the log what has become of a request: that it was accepted, applied or rejected. Other
// events are none of its business. `event` is durable, with its revision.
void LogRequest(const std::string& job_id, const v1::Event& event);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_ORIGIN_H_
