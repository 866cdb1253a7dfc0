// One request's commands as they act on the dials: all or none. Free functions; on the thread that
// holds the run.
#ifndef DESCENT_SERVER_WORKER_SESSION_REQUEST_H_
#define DESCENT_SERVER_WORKER_SESSION_REQUEST_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/train/dial_board.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"

namespace descent::worker {

// Why a request was not applied; the fields are those of CommandRejected.
struct Refusal {
  int code;  // google.rpc.Code
  std::string message;
  std::string reason;
  std::string field;
};

// What a request did, and what it still asks of the run.
struct Effect {
  std::vector<::descent::v1::Change> changes;
  std::vector<std::string> commands;  // `set`, `pause`, in order
  bool paused = false;                // whether the run is paused after it
  bool stop = false;
  int evaluate = 0;  // how many of its commands ask for it
  int checkpoint = 0;
};

// Applies the commands in order, beginning with `paused`. No dial is turned to a number that is
// infinite in `dtype`, if that is given. A Refusal has changed nothing.
std::variant<Effect, Refusal> ApplyCommands(const ::descent::v1::CommandAccepted& request,
                                            bool paused,
                                            std::optional<::descent::v1::Execution::Dtype> dtype,
                                            DialBoard* dials);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_REQUEST_H_
