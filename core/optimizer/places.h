// Parameters by their places, their indices in `parameters()`.
#ifndef DESCENT_CORE_OPTIMIZER_PLACES_H_
#define DESCENT_CORE_OPTIMIZER_PLACES_H_

#include <cstddef>
#include <vector>

namespace descent {

// The places, in ascending order.
using Places = std::vector<size_t>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_PLACES_H_
