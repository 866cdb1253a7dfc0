// An `Evaluator` makes a run's evaluations on its test data and tells them to the journal; each is
// computed once an iteration, however many ask. One thread at a time; what it is given must outlive
// it.
#ifndef DESCENT_SERVER_WORKER_SESSION_EVALUATOR_H_
#define DESCENT_SERVER_WORKER_SESSION_EVALUATOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/train/trainer.h"
#include "descent/v1/event.pb.h"
#include "server/common/clock.h"
#include "server/worker/session/journalist.h"

namespace descent::worker {

class Evaluator {
 public:
  Evaluator(Trainer* trainer, Journalist* journal, const server::Clock* clock)
      : trainer_(trainer), journal_(journal), clock_(clock) {}

  // Says that the run is at this iteration now.
  void Arrive(int64_t iteration);

  // Gives the event to tell the evaluation at the present iteration by. Of an evaluation in parts
  // it is the last, which completes them; the others have been written then.
  absl::StatusOr<::descent::v1::Event> Evaluate(const std::string& request_id);

 private:
  Trainer* const trainer_;
  Journalist* const journal_;
  const server::Clock* const clock_;
  int64_t iteration_ = -1;
  std::optional<double> seconds_;  // what it took to compute it
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_EVALUATOR_H_
