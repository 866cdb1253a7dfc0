// Counts every allocation of a test's program, LibTorch's included: all come to its malloc. A test
// links it by asking for the count. Thread-safe.
#ifndef DESCENT_TESTS_CORE_PLAN_ALLOCATIONS_H_
#define DESCENT_TESTS_CORE_PLAN_ALLOCATIONS_H_

#include <cstdint>

namespace descent {

// Is false under a sanitizer, whose malloc must stay the program's.
bool CountsAllocations();

// Gives how many there were since the start; what counts is the difference of two.
int64_t Allocations();

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_PLAN_ALLOCATIONS_H_
