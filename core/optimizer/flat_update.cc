#include "core/optimizer/flat_update.h"

#include <cstdint>

#include "ATen/Parallel.h"
#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"

namespace descent::internal {
namespace {

// With fewer numbers, waking a thread costs more than it saves: some 10 µs of work.
constexpr int64_t kGrain = 65536;

}  // namespace

void InParts(int64_t n, absl::FunctionRef<void(int64_t begin, int64_t end)> part) {
  if (n <= kGrain || at::get_num_threads() == 1) return part(0, n);
  at::parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) { part(begin, end); });
}

bool Direct(const at::Tensor& buffer) {
  return buffer.is_cpu() && buffer.is_contiguous() &&
         (buffer.scalar_type() == at::kFloat || buffer.scalar_type() == at::kDouble);
}

}  // namespace descent::internal
