// What sources that speak the protocol read first: its messages and gRPC.

#include <grpcpp/grpcpp.h>

#include "deploy/precompiled/standard.h"
#include "descent/v1/training_service.pb.h"
