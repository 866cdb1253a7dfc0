// An evaluation as events, in parts where it is too large for one. A free function; any thread.
#ifndef DESCENT_SERVER_WORKER_SESSION_EVALUATION_PARTS_H_
#define DESCENT_SERVER_WORKER_SESSION_EVALUATION_PARTS_H_

#include <vector>

#include "core/objective/evaluate.h"
#include "descent/v1/event.pb.h"

namespace descent::worker {

// Gives `about` with the result's metrics, in as many events as it takes for each to be of about
// server::kPartBytes at most (Evaluated.part); usually one.
std::vector<::descent::v1::Event> EvaluationParts(const ::descent::v1::Evaluated& about,
                                                  const EvaluationResult& result);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_EVALUATION_PARTS_H_
