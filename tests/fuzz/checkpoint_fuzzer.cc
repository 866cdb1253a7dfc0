// Fuzzes safetensors files: what is read is read again after its header was written anew.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that a step beyond the end is a step beyond the memory.
  const auto bytes = std::make_shared<const std::string>(reinterpret_cast<const char*>(data), size);
  const auto copied = descent::ParseSafetensors(*bytes, "f");
  const auto shared = descent::ParseSafetensors(*bytes, "f", bytes);
  if (copied.ok() != shared.ok()) __builtin_trap();
  if (!copied.ok()) return 0;
  for (const auto& [name, tensor] : copied->tensors) {
    const at::Tensor& other = shared->tensors.at(name);
    if (!tensor.sizes().equals(other.sizes())) __builtin_trap();
    if (tensor.numel() > 0) other.to(at::kDouble).sum();
  }
  return 0;
}
