// What sources that compute read first: LibTorch's tensor, and what each of its operators' headers reads.

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "deploy/precompiled/standard.h"
