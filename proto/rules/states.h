// What the states of a job mean to all programs. Pure functions; any thread.
#ifndef DESCENT_PROTO_RULES_STATES_H_
#define DESCENT_PROTO_RULES_STATES_H_

#include "descent/v1/event.pb.h"

namespace descent::rules {

// True for SUCCEEDED, STOPPED and FAILED: nothing follows in a journal but notices and rejected
// commands.
inline bool IsFinal(v1::JobState state) {
  return state == v1::SUCCEEDED || state == v1::STOPPED || state == v1::FAILED;
}

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_STATES_H_
