#include "server/worker/session/mapped_data.h"

#include <ATen/core/Tensor.h>

#include <string_view>

namespace descent::worker {
namespace {

// An epoch may take no longer than to look at a file.
constexpr int64_t kCheckNanos = 100'000'000;

// True if a tensor is a part of a mapped file, and no copy.
bool IsIn(std::string_view mapped, const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_cpu() || tensor.numel() == 0) return false;
  const auto* at = static_cast<const char*>(tensor.const_data_ptr());
  return at >= mapped.data() && at < mapped.data() + mapped.size();
}

}  // namespace

MappedData::MappedData(const Prepared& prepared, const DataRoots& roots, const server::Clock* clock)
    : roots_(roots), clock_(clock) {
  const auto add = [&](const Dataset& data) {
    for (const FileDigest& file : data.files) {
      if (!file.mapped.has_value()) continue;
      const std::string_view bytes = file.mapped->bytes;
      if (IsIn(bytes, data.inputs) || IsIn(bytes, data.targets) || IsIn(bytes, data.weights)) {
        files_.push_back(file);
      }
    }
  };
  add(prepared.train);
  if (prepared.test) add(*prepared.test);
  for (const PreparedPlayer& player : prepared.players) {
    add(player.train);
    if (player.test) add(*player.test);
  }
}

absl::Status MappedData::Check(bool at_once) {
  const int64_t now = clock_->MonotonicNanos();
  if (!at_once && now - checked_nanos_ < kCheckNanos) return absl::OkStatus();
  checked_nanos_ = now;
  for (FileDigest& file : files_) {
    if (absl::Status status = CheckUnchanged(&file, roots_); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace descent::worker
