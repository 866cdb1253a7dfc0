// A `Batch` is the examples of one step. A value that shares its tensors.
#ifndef DESCENT_CORE_DATA_BATCH_H_
#define DESCENT_CORE_DATA_BATCH_H_

#include <ATen/core/Tensor.h>

namespace descent {

struct Batch {
  at::Tensor inputs;   // [batch, …]
  at::Tensor targets;  // [batch] of classes or [batch, …]
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_BATCH_H_
