// Compares what was computed again with the journal, bit for bit, without times. Pure functions;
// any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_COMPARE_H_
#define DESCENT_SERVER_DAEMON_JOBS_COMPARE_H_

#include <string>

#include "descent/v1/event.pb.h"

namespace descent::daemon {

// Give the first difference as words (`value 0.25 instead of 0.5`), or nothing if there is none.
std::string Difference(const v1::Iteration& journaled, const v1::Iteration& recomputed);
std::string Difference(const v1::Evaluated& journaled, const v1::Evaluated& recomputed);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_COMPARE_H_
