#ifndef DESCENT_CORE_DATA_BATCH_H_
#define DESCENT_CORE_DATA_BATCH_H_

// The examples of one step. A value that shares its tensors.

#include <ATen/core/Tensor.h>

namespace descent {

struct Batch {
  at::Tensor inputs;   // [batch, …]
  at::Tensor targets;  // [batch] of classes or [batch, …]
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_BATCH_H_
