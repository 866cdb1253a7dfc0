// All randomness of a run is a function of (seed, purpose, index): a generator is seeded from these
// when it is needed, so that no generator state exists that a crash could lose. Pure functions; any
// thread may call them.
#ifndef DESCENT_CORE_DATA_RANDOM_SEED_H_
#define DESCENT_CORE_DATA_RANDOM_SEED_H_

#include <cstdint>
#include <string_view>

namespace descent {

// Gives the seed of the generator for one `purpose` ("shuffle", "initialize") and one index (an
// epoch, an iteration, a layer). Streams of different purposes or indices are unrelated: each input
// goes through splitmix64's finalizer (Steele, Lea & Flood 2014), which changes about half of the
// output bits for every bit of input.
uint64_t DeriveSeed(uint64_t seed, std::string_view purpose, uint64_t index);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_RANDOM_SEED_H_
