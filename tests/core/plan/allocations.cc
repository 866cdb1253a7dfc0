#include "tests/core/plan/allocations.h"

#include <atomic>
#include <cstddef>

namespace {
std::atomic<int64_t> allocations = 0;
}  // namespace

#ifdef __SANITIZE_ADDRESS__
bool descent::CountsAllocations() { return false; }
#else
bool descent::CountsAllocations() { return true; }

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void* malloc(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? 12 : 0;
}
}
#endif

int64_t descent::Allocations() { return allocations; }
