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

// Gives `cpu`, then the GPUs that this process can use: `cuda:0`, `cuda:1`. Makes no context on
// them.
std::vector<std::string> DeviceNames();

// Gives the device `cpu`, `cuda` (the first one) or `cuda:N`. INVALID_ARGUMENT, with a sentence, if
// it is no such name; FAILED_PRECONDITION if this machine or this build of LibTorch doesn't have
// it.
absl::StatusOr<at::Device> DeviceFromName(std::string_view name);

// Call it before the first computation on the device. It asks for the same numbers from the same
// operations every time, where LibTorch has such kernels, and for float32 computed as float32 (no
// TF32). It holds for the whole process; for the CPU, where both is so anyway, it does nothing. Not
// thread-safe.
void ComputeReproducibly(at::Device device);

}  // namespace descent

#endif  // DESCENT_CORE_DEVICE_DEVICE_H_
