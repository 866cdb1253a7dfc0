// `LayOut` decides where buffers of known lifetimes lie in one arena. Any thread.
#ifndef DESCENT_CORE_PLAN_ARENA_LAYOUT_H_
#define DESCENT_CORE_PLAN_ARENA_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace descent {

// So many bytes must not be overwritten by others from step `first` to step `last`, both included.
struct Lifetime {
  int64_t bytes;
  size_t first, last;
};

struct ArenaLayout {
  std::vector<int64_t> offsets;  // by buffer, in bytes; multiples of `alignment`
  int64_t bytes = 0;             // the size of the arena
};

// Places the largest first, each at the lowest place where nothing that lives at the same time lies
// (greedy by size: Pisarchyk & Lee 2020, algorithm 3).
ArenaLayout LayOut(const std::vector<Lifetime>& buffers, int64_t alignment);

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_ARENA_LAYOUT_H_
