#include "core/device/device.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "ATen/Context.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/Device.h"
#include "core/text/utf8.h"
#include "torch/cuda.h"

namespace descent {
namespace {

constexpr std::string_view kCuda = "cuda";

std::string Quoted(std::string_view name) { return absl::StrCat("\"", ShortUtf8(name, 100), "\""); }

}  // namespace

std::vector<std::string> DeviceNames() {
  std::vector<std::string> names = {"cpu"};
  for (int i = 0; i < torch::cuda::device_count(); ++i) names.push_back(absl::StrCat("cuda:", i));
  return names;
}

absl::StatusOr<at::Device> DeviceFromName(std::string_view name) {
  if (name == "cpu") return at::Device(at::kCPU);
  const absl::Status no_name = absl::InvalidArgumentError(
      absl::StrCat(Quoted(name), " is no device; give cpu, cuda or cuda:N."));
  std::string_view rest = name;
  if (!rest.starts_with(kCuda)) return no_name;
  rest.remove_prefix(kCuda.size());
  int64_t index = 0;
  if (!rest.empty()) {
    if (rest.front() != ':') return no_name;
    rest.remove_prefix(1);
    const bool canonical = !rest.empty() && (rest == "0" || rest.front() != '0');
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    if (!canonical || error != std::errc() || end != rest.data() + rest.size() || index < 0) {
      return no_name;
    }
  }
  const std::vector<std::string> devices = DeviceNames();
  if (index + 1 < static_cast<int64_t>(devices.size())) {
    return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      Quoted(name), " is not here; this worker computes on ", absl::StrJoin(devices, ", "), ".",
      at::hasCUDA() ? "" : " Its LibTorch is no build for CUDA, or the machine has no GPU."));
}

void ComputeReproducibly(at::Device device) {
  if (!device.is_cuda()) return;
  // This is cuBLAS's own condition for the same sums every time; it reads it when it starts.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::Context& context = at::globalContext();
  // A kernel without a reproducible variant is used all the same, with a warning.
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  // Filling would take time to no use: it is for programs that read what nobody has written.
  context.setDeterministicFillUninitializedMemory(false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowTF32CuBLAS(false);
}

}  // namespace descent
