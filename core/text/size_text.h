// A number of bytes as people read it. A free function; any thread.
#ifndef DESCENT_CORE_TEXT_SIZE_TEXT_H_
#define DESCENT_CORE_TEXT_SIZE_TEXT_H_

#include <string>

namespace descent {

// Gives the number in powers of 1000: `940 bytes`, `1.6 MB`, `40.0 GB`. bytes ≥ 0.
std::string SizeText(double bytes);

}  // namespace descent

#endif  // DESCENT_CORE_TEXT_SIZE_TEXT_H_
