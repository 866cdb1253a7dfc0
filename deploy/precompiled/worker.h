// What the worker's sources read first: LibTorch's tensor and the protocol's messages.

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "deploy/precompiled/standard.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
