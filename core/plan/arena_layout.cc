#include "core/plan/arena_layout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace descent {

ArenaLayout LayOut(const std::vector<Lifetime>& buffers, int64_t alignment) {
  const auto aligned = [&](int64_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  };
  ArenaLayout layout{std::vector<int64_t>(buffers.size()), 0};
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<size_t> placed;  // in the order of their offsets
  for (const size_t i : order) {
    const Lifetime& buffer = buffers[i];
    int64_t offset = 0;
    for (const size_t j : placed) {
      const Lifetime& other = buffers[j];
      if (other.last < buffer.first || buffer.last < other.first) continue;
      if (layout.offsets[j] >= offset + buffer.bytes) break;
      offset = std::max(offset, layout.offsets[j] + aligned(other.bytes));
    }
    layout.offsets[i] = offset;
    layout.bytes = std::max(layout.bytes, offset + aligned(buffer.bytes));
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](int64_t value, size_t j) { return value < layout.offsets[j]; }),
        i);
  }
  return layout;
}

}  // namespace descent
