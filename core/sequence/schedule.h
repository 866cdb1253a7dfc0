// What all schedules have in common: an aggregate of numbers that declares its fields once.
//
// Checking, the bridge from a spec, and the listing of all kinds (schedules.h) go by the
// declaration, so a new schedule is one struct, a line in schedules.cc, and a message of the spec:
//
//   struct Halving {
//     static constexpr const char* kind = "halving";
//     double initial = 0;
//     int64_t iterations = 1;
//
//     void Declare(ScheduleVisitor& visit) {
//       visit.Value("initial", initial, Need::kRequired);
//       visit.Count("iterations", iterations, 1);
//     }
//     Sequence Make() const;                             // of fields that are known to be right
//     absl::Status Check() const;                        // optional: what no field can say alone
//     int64_t OwnLength(int64_t length) const;           // optional, see AnySchedule
//     int64_t InnerLength(size_t inner, int64_t length) const;  // likewise
//
//     absl::Status Validate() const { return ValidateSchedule(*this); }
//     operator Sequence() const { return MakeSequence(*this); }
//   };
#ifndef DESCENT_CORE_SEQUENCE_SCHEDULE_H_
#define DESCENT_CORE_SEQUENCE_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// What a member holds when nobody gave a number: its default, or nothing that could be used.
enum class Need { kDefault, kRequired };

// Goes through a schedule's fields in order; names are those of the spec.
class ScheduleVisitor {
 public:
  virtual ~ScheduleVisitor() = default;
  // A number, or numbers, that the sequence yields or stays within: the hyperparameter's range
  // holds for it.
  virtual void Value(const char* name, double& value, Need need) = 0;
  virtual void Value(const char* name, std::optional<double>& value) = 0;
  virtual void Values(const char* name, std::vector<double>& values) = 0;  // at least one
  // A number with a range of its own (which names the field).
  virtual void Number(const Range& range, double& number, Need need) = 0;
  virtual void Count(const char* name, int64_t& count, int64_t least) = 0;
  // Positions, strictly increasing from 1 on.
  virtual void Positions(const char* name, std::vector<int64_t>& positions) = 0;
  // A number of positions ≥ 1; in a run, if not given, all of it that is left (OwnLength).
  virtual void Length(const char* name, int64_t& length) = 0;
  virtual void Flag(const char* name, bool& flag) = 0;
  // What it goes by: the name of a metric, and of how many measurements in a row the mean is one,
  // ≥ 1. The fields are called so. In a run, if no metric is given: what there is of that run.
  virtual void Measured(std::string& metric, int64_t& average) = 0;
  // Other sequences, which may be schedules themselves.
  virtual void Inner(const char* name, Sequence& sequence) = 0;
  virtual void Inners(const char* name, std::vector<Sequence>& sequences) = 0;  // at least one
};

namespace internal {

// The first thing that is wrong.
class ScheduleChecker final : public ScheduleVisitor {
 public:
  void Value(const char* name, double& value, Need need) override;
  void Value(const char* name, std::optional<double>& value) override;
  void Values(const char* name, std::vector<double>& values) override;
  void Number(const Range& range, double& number, Need need) override;
  void Count(const char* name, int64_t& count, int64_t least) override;
  void Positions(const char* name, std::vector<int64_t>& positions) override;
  void Length(const char* name, int64_t& length) override;
  void Flag(const char*, bool&) override {}
  void Measured(std::string& metric, int64_t& average) override;
  void Inner(const char*, Sequence&) override {}  // checked when it was made
  void Inners(const char* name, std::vector<Sequence>& sequences) override;

  const absl::Status& status() const { return status_; }

 private:
  void Note(absl::Status status);

  absl::Status status_;
};

[[noreturn]] void ThrowWrongSchedule(const char* kind, const absl::Status& status);

}  // namespace internal

// INVALID_ARGUMENT `<field>: -1 is …`.
template <class Schedule>
absl::Status ValidateSchedule(Schedule schedule) {
  internal::ScheduleChecker checker;
  schedule.Declare(checker);
  if constexpr (requires { schedule.Check(); }) {
    if (checker.status().ok()) return schedule.Check();
  }
  return checker.status();
}

// Throws std::invalid_argument, with the kind, where ValidateSchedule gives an error.
template <class Schedule>
Sequence MakeSequence(const Schedule& schedule) {
  if (absl::Status status = ValidateSchedule(schedule); !status.ok()) {
    internal::ThrowWrongSchedule(Schedule::kind, status);
  }
  return schedule.Make();
}

// `<field>: <value> is too small; give a number ≥ <least>` unless it is large enough.
absl::Status CheckCount(const char* field, int64_t value, int64_t least);
// INVALID_ARGUMENT if the sequence goes by what happens, for a field that takes only functions of
// the position.
absl::Status CheckWithoutFeedback(const char* field, const Sequence& sequence);
// INVALID_ARGUMENT unless there is one value more than there are boundaries between them.
absl::Status CheckPieces(const std::vector<double>& values, const std::vector<int64_t>& boundaries);

// From the least to the greatest of the numbers.
Sequence::Bounds BoundsOf(const std::vector<double>& values);
// That of all; none if that of one is unknown.
std::optional<Sequence::Bounds> BoundsOf(const std::vector<Sequence>& sequences);

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_SCHEDULE_H_
