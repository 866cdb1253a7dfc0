// Answers one Predict: a header, the rows, the end, never more responses ahead than the daemon
// allowed. Between responses it looks whether it is still wanted.
#ifndef DESCENT_SERVER_WORKER_SESSION_PREDICT_H_
#define DESCENT_SERVER_WORKER_SESSION_PREDICT_H_

#include <optional>

#include "descent/worker/v1/worker.pb.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/session/inbox.h"
#include "server/worker/session/outbox.h"

namespace descent::worker {

// Runs the prediction at a lower priority than any training and waits for its end. What the daemon
// said besides ended it too, and is given back: it is still to be done.
std::optional<v1::DaemonMessage> AnswerPredict(const v1::Predict& request, DataCache* cache,
                                               Inbox* inbox, Outbox* outbox);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_PREDICT_H_
