#include "server/daemon/main/freed_memory.h"

#include <malloc.h>

#include <cstddef>

namespace descent::daemon {

void GiveBackFreedMemory() {
  constexpr size_t kLeast = size_t{32} << 20;
  if (mallinfo2().fordblks >= kLeast) malloc_trim(0);
}

}  // namespace descent::daemon
