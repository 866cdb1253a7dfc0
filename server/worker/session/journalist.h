// A `Journalist` writes an attempt's events: it fills in what all have in common, serializes each
// once, and hands it to the outbox. Used by the trainer's thread alone.
#ifndef DESCENT_SERVER_WORKER_SESSION_JOURNALIST_H_
#define DESCENT_SERVER_WORKER_SESSION_JOURNALIST_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "descent/v1/event.pb.h"
#include "server/common/clock.h"
#include "server/worker/session/outbox.h"

namespace descent::worker {

class Journalist {
 public:
  Journalist(int32_t attempt, int32_t branch, Outbox* outbox, server::Clock* clock)
      : attempt_(attempt), branch_(branch), outbox_(outbox), clock_(clock) {}

  // The iteration to be filled in and then written by WriteIteration; it is reused.
  ::descent::v1::Iteration* iteration() { return event_.mutable_iteration(); }
  void WriteIteration();

  // These stay together in the journal: all are appended in one transaction, or none. Nothing is
  // written of a group with an event above kMaxEventBytes, nor after it: see TakeTooLarge.
  void Write(std::vector<::descent::v1::Event> events);
  void Write(::descent::v1::Event event);

  // Gives a sentence on what could not be written because it was too large, or nothing, and forgets
  // it: events after this call are written again, so that the run's end can be.
  std::string TakeTooLarge() { return std::exchange(too_large_, ""); }

 private:
  void Stamp(::descent::v1::Event* event);
  bool Fits(const ::descent::v1::Event& event, size_t bytes);

  const int32_t attempt_;
  const int32_t branch_;
  Outbox* const outbox_;
  server::Clock* const clock_;
  int64_t sequence_ = 0;
  ::descent::v1::Event event_;
  std::string buffer_;
  std::string too_large_;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_JOURNALIST_H_
