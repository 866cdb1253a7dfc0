// Guesses what a person meant who wrote a name that isn't there. Pure functions; any thread.
#ifndef DESCENT_PROTO_RULES_NEAREST_H_
#define DESCENT_PROTO_RULES_NEAREST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace descent::rules {

// Gives the place of the candidate a person most likely meant by `given`; nothing if none is near.
// Case does not count. In this order:
// - `step_size`, if PyTorch calls it so, or the candidate itself;
// - what `given` is short for: the only candidate that begins with it, if it has three letters or
//   more (`acc` of `accuracy`), or whose words' first letters it is (`wd` of `weight_decay`);
// - the first one at the smallest edit distance (insert, delete, replace, swap neighbours), if that
//   is small for a word of this length: 1 for up to three letters, 2 for up to six, else 3. The
//   distance is optimal string alignment:
//   https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance
// - the longest candidate to which `given` only adds a word (`f1_score` for `f1`).
std::optional<size_t> NearestOf(std::string_view given, const std::vector<std::string>& candidates);

// Gives the candidate itself; empty if none is near.
std::string Nearest(std::string_view given, const std::vector<std::string>& candidates);

// Gives " (did you mean `x`?)", or nothing.
std::string DidYouMean(std::string_view given, const std::vector<std::string>& candidates);

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_NEAREST_H_
