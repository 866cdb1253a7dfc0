// The devices that tensors can be on: `cpu`, and `cuda:N` where LibTorch is the build for CUDA and
// the machine has a GPU.
//
// Nothing else in core names a kind of device: what is computed is left to LibTorch's operators
// where there is no loop of our own for the CPU.
#ifndef DESCENT_CORE_DEVICE_DEVICE_H_
#define DESCENT_CORE_DEVICE_DEVICE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Device.h"

namespace descent {

// `cpu`, then the GPUs that this process can use: `cuda:0`, `cuda:1`. Makes no context on them.
std::vector<std::string> DeviceNames();

// `cpu`, `cuda` (the first one) or `cuda:N`. InvalidArgument, with a sentence: it is no such name;
// FailedPrecondition: this machine or this build of LibTorch doesn't have it.
absl::StatusOr<at::Device> DeviceFromName(std::string_view name);

// Before the first computation there: the same numbers from the same operations every time, where
// LibTorch has such kernels, and float32 computed as float32 (no TF32). For the whole process; of
// the CPU, where both is so anyway, nothing. Not thread-safe.
void ComputeReproducibly(at::Device device);

}  // namespace descent

#endif  // DESCENT_CORE_DEVICE_DEVICE_H_
