// Serves TrainingService.PredictJob. A client that doesn't read holds the few responses that the
// jobs send ahead; one that goes away ends the prediction. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_API_PREDICT_H_
#define DESCENT_SERVER_DAEMON_API_PREDICT_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/statusor.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/requests/requests.h"

namespace descent::daemon {

// Gives the reaction to a call. `request` is a serialized PredictJobRequest.
grpc::ServerWriteReactor<grpc::ByteBuffer>* ServePredict(const Requests& requests,
                                                         const grpc::ByteBuffer& request,
                                                         absl::StatusOr<AdmittedCall> admitted);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_PREDICT_H_
