// An `Attempt` runs a job once: from the daemon's Start to the event that ends the run, or until
// the worker is asked to leave. It builds the run and hands it to the loop (training_loop.h).
#ifndef DESCENT_SERVER_WORKER_SESSION_ATTEMPT_H_
#define DESCENT_SERVER_WORKER_SESSION_ATTEMPT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/train/trainer.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/session/inbox.h"
#include "server/worker/session/journalist.h"
#include "server/worker/session/mapped_data.h"
#include "server/worker/session/outbox.h"
#include "server/worker/session/training_loop.h"

namespace descent::worker {

// It is used on one thread, the trainer's. What it is given must outlive it.
class Attempt {
 public:
  using End = TrainingLoop::End;

  Attempt(v1::Start start, DataCache* cache, Inbox* inbox, Outbox* outbox, server::Clock* clock);

  // Runs the attempt; once.
  End Run();

 private:
  struct Built {
    std::unique_ptr<Trainer> trainer;
    MappedData data;
  };

  // Loads data and model. The error is the run's cause of failure.
  absl::StatusOr<Built> Build() const;

  const v1::Start start_;
  DataCache* const cache_;
  Inbox* const inbox_;
  server::Clock* const clock_;
  Journalist journal_;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_ATTEMPT_H_
