#ifndef DESCENT_SERVER_WORKER_SESSION_JOURNALIST_H_
#define DESCENT_SERVER_WORKER_SESSION_JOURNALIST_H_

// Writes an attempt's events: fills in what all have in common, serializes each once, and hands it
// to the outbox. Used by the trainer's thread alone.

#include <cstdint>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "server/common/clock.h"
#include "server/worker/session/outbox.h"

namespace descent::worker {

class Journalist {
 public:
  Journalist(int32_t attempt, int32_t branch, Outbox* outbox, server::Clock* clock)
      : attempt_(attempt), branch_(branch), outbox_(outbox), clock_(clock) {}

  // The iteration to be filled in and then written by WriteIteration; reused.
  ::descent::v1::Iteration* iteration() { return event_.mutable_iteration(); }
  void WriteIteration();

  // These stay together in the journal: all are appended in one transaction, or none.
  void Write(std::vector<::descent::v1::Event> events);
  void Write(::descent::v1::Event event);

 private:
  void Stamp(::descent::v1::Event* event);

  const int32_t attempt_;
  const int32_t branch_;
  Outbox* const outbox_;
  server::Clock* const clock_;
  int64_t sequence_ = 0;
  ::descent::v1::Event event_;
  std::string buffer_;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_JOURNALIST_H_
