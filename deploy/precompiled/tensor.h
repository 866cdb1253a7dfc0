// What sources that compute read first: LibTorch's tensor, and what its operators' headers read.

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "deploy/precompiled/standard.h"
