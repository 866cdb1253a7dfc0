// Guesses what a person meant who wrote a name that isn't there. Pure functions; any thread.
#ifndef DESCENT_PROTO_RULES_NEAREST_H_
#define DESCENT_PROTO_RULES_NEAREST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace descent::rules {

// Gives the place of the candidate a person most likely meant by `given`: the first one at the
// smallest edit distance (insert, delete, replace, swap neighbours; case does not count), if that
// is small for a word of this length: 1 for up to three letters, 2 for up to six, else 3. Nothing
// if none is near. PyTorch's names of `step_size` mean it. The distance is optimal string
// alignment: https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance
std::optional<size_t> NearestOf(std::string_view given, const std::vector<std::string>& candidates);

// Gives the candidate itself; empty if none is near.
std::string Nearest(std::string_view given, const std::vector<std::string>& candidates);

// Gives " (did you mean `x`?)", or nothing.
std::string DidYouMean(std::string_view given, const std::vector<std::string>& candidates);

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_NEAREST_H_
