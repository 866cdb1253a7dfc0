// How people name a dial, or a field of a spec, without writing its whole path
// (`optimizer.adam.step_size`). Pure functions; any thread.
//
//   the whole path            optimizer.adam.step_size
//   any end, from a dot on    adam.step_size, step_size
//   of a dial: some fields    generator.step_size       (of generator.optimizer.adam.step_size)
//
// `lr` and `learning_rate`, PyTorch's names, mean `step_size`. An earlier line of these decides:
// what is a whole path, or is an end of some, means no other.
#ifndef DESCENT_PROTO_RULES_DIAL_PATH_H_
#define DESCENT_PROTO_RULES_DIAL_PATH_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace descent::rules {

inline constexpr std::string_view kStepSize = "step_size";

// True if it is another name of `step_size`.
bool IsStepSizeAlias(std::string_view name);

// Gives the places in `paths` of those that `given` may mean by its end: the one that equals it,
// else all that end with it. Nothing means nothing.
std::vector<size_t> MatchEnds(std::string_view given, const std::vector<std::string>& paths);

// Gives the same for dials, of which fields may be left out: all those that have the given ones, in
// that order, the last one last. Two and more are ambiguous.
std::vector<size_t> MatchDials(std::string_view given, const std::vector<std::string>& paths);

// Gives the last `fields` fields of a path, or all of it: (`optimizer.adam.beta1`, 2) is
// `adam.beta1`.
std::string LastFields(std::string_view path, size_t fields);

// Gives the dial that was meant by a `given` that fits none: the one whose path, or whose end of as
// many fields, is nearest (nearest.h).
std::optional<size_t> NearestDial(std::string_view given, const std::vector<std::string>& paths);

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_DIAL_PATH_H_
