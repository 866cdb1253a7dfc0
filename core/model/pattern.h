// Patterns of parameters' names: `*` stands for any characters, also none and dots, `?` for one.
#ifndef DESCENT_CORE_MODEL_PATTERN_H_
#define DESCENT_CORE_MODEL_PATTERN_H_

#include <string_view>

namespace descent {

// True if the whole text fits the pattern. Any thread.
bool MatchesPattern(std::string_view pattern, std::string_view text);

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_PATTERN_H_
