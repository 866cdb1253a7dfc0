#ifndef DESCENT_CLIENT_CPP_NEAREST_H_
#define DESCENT_CLIENT_CPP_NEAREST_H_

#include <string>
#include <string_view>
#include <vector>

namespace descent::client {

// Whether it is another name of `step_size`, PyTorch's: `lr`, `learning_rate`.
bool IsStepSizeAlias(std::string_view name);

// The candidate a person most likely meant by `given`: the one at the smallest edit distance
// (insert, delete, replace, swap neighbours; case does not count), if that is small for a word of
// this length. Empty if none is near. `lr` and `learning_rate` mean `step_size`.
std::string Nearest(std::string_view given, const std::vector<std::string>& candidates);

// " (did you mean `x`?)", or nothing.
std::string DidYouMean(std::string_view given, const std::vector<std::string>& candidates);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_NEAREST_H_
