// What gRPC itself says, in this program's log.
#ifndef DESCENT_SERVER_COMMON_GRPC_LOG_H_
#define DESCENT_SERVER_COMMON_GRPC_LOG_H_

namespace descent::server {

// Has gRPC's library write lines like all others', from the part `grpc`; once a second at most,
// since strangers cause some of them (a failed handshake). Call it once, before gRPC is used.
void TakeGrpcLog();

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_GRPC_LOG_H_
