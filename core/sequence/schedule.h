// A schedule is an aggregate of numbers that declares its fields once; this is what all have in
// common.
//
// Checking, the bridge from a spec, and the listing of all kinds (schedules.h) go by the
// declaration (core/fields), so a new schedule is one struct, a line in schedules.cc, and a message
// of the spec:
//
//   struct Halving {
//     static constexpr const char* kind = "halving";
//     double initial = 0;
//     int64_t iterations = 1;
//
//     void Describe(FieldList& fields) {
//       fields(Named("initial"), initial).Role(kYielded).Required();
//       fields(Whole("iterations", 1), iterations);
//     }
//     Sequence Make() const;                             // of fields that are known to be right
//   };
//
// and, if it begins late or has sequences inside, a specialization of Lengths beside it.
#ifndef DESCENT_CORE_SEQUENCE_SCHEDULE_H_
#define DESCENT_CORE_SEQUENCE_SCHEDULE_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/sequence/sequence.h"

namespace descent {

// These say what some fields are to whoever knows the run and the hyperparameter (Field::Role).
//
// kYielded is a number, or numbers, that the sequence yields or stays within: the hyperparameter's
// range holds for it.
inline constexpr std::string_view kYielded = "yielded";
// kRunLength is a number of positions; in a run, if it is not given, it is all of the run that is
// left (Lengths::Own).
inline constexpr std::string_view kRunLength = "run_length";
// What the sequence goes by: kMeasured is the name of a metric, kAveraged says of how many
// measurements in a row the mean is one. In a run, if neither is given, it goes by what there is of
// that run.
inline constexpr std::string_view kMeasured = "measured";
inline constexpr std::string_view kAveraged = "averaged";

// How long a schedule and the sequences inside it are in a run. It is specialized with both
// functions, so that one that is misspelt does not compile.
template <class Schedule>
struct Lengths {
  // Gives how long it is by default when it is asked for its first `length` numbers; less than 1
  // where nothing is left.
  static int64_t Own(const Schedule&, int64_t length) { return length; }
  // Gives for how many positions its inner sequence of that index is asked when it itself is asked
  // for the first `length`.
  static int64_t Inner(const Schedule&, size_t inner, int64_t length) { return length; }
};

template <class Schedule>
  requires requires(const Schedule& schedule) {
    { schedule.Make() } -> std::same_as<Sequence>;
  }
Sequence::Sequence(const Schedule& schedule)
    : Sequence((ThrowUnlessValid(schedule), schedule.Make())) {}

// Gives INVALID_ARGUMENT if the sequence goes by what happens, for a field that takes only
// functions of the position.
absl::Status CheckWithoutFeedback(const char* field, const Sequence& sequence);
// Gives INVALID_ARGUMENT unless there is one value more than there are boundaries between them.
absl::Status CheckPieces(const std::vector<double>& values, const std::vector<int64_t>& boundaries);

// Gives the bounds from the least to the greatest of the numbers.
Sequence::Bounds BoundsOf(const std::vector<double>& values);
// Gives the bounds of all sequences together, or none if those of one are unknown.
std::optional<Sequence::Bounds> BoundsOf(const std::vector<Sequence>& sequences);

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_SCHEDULE_H_
