// A `Settable` is a sequence over another one that can be taken over while it runs: the dial.
//
// A Settable is a shared handle: copies, and sequences made from it, are the same dial, so that
// `step_size.set(0.01)` reaches the optimizer that was made with it. It belongs to one run at a
// time (a run that begins rewinds it to position 0). Not thread-safe: whoever holds the run turns
// its dials between iterations, on the same thread or under the same lock.
//
//   Settable step_size = settable(cosine(0.1, 1000));
//   step_size.set(0.01);    // 0.01 from now on, in force for the next step
//   step_size.scale(0.5);   // 0.005
//   step_size.release();    // the schedule again, at the position it has reached meanwhile
#ifndef DESCENT_CORE_SEQUENCE_SETTABLE_H_
#define DESCENT_CORE_SEQUENCE_SETTABLE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

class Settable {
 public:
  // All that a dial must save to go on as if nothing had happened.
  struct State {
    int64_t position = 0;
    std::optional<double> override_value = {};
    Sequence::Memory memory = {};  // of a schedule that goes by what happens
    bool operator==(const State&) const = default;
  };

  // Makes a dial over `schedule`. Over a sequence that already is a dial, it is that dial.
  explicit Settable(const Sequence& schedule);

  // Takes over. Gives INVALID_ARGUMENT naming the field, with nothing changed, if the value is
  // outside the range (until an optimizer has restricted it, any finite number is inside), or is
  // none that it may be turned to.
  absl::Status set(double value);
  // Takes over with the present value times `factor`; the errors are those of `set`.
  absl::Status scale(double factor);
  // Gives back to the schedule. Has no effect if it was not taken over.
  void release();
  // True between `set` or `scale` and `release`.
  bool overridden() const;

  // What the next step will use.
  double value() const;
  // Gives the same, and counts. The schedule counts while it is taken over, too.
  double next();
  int64_t position() const;
  void seek(int64_t position);
  // Takes the schedule to its beginning, with nothing observed.
  void Rewind();

  // These are the schedule's, which observes while it is taken over, too.
  const Sequence::Feedback* feedback() const;
  void Observe(int64_t iteration, double value);

  State state() const;
  // Gives INVALID_ARGUMENT, with nothing changed, if the override is out of range, the position
  // negative, or the memory that of another schedule.
  absl::Status Restore(const State& state);

  // Accepts only values in `range` from now on; its field is what errors name. Gives
  // INVALID_ARGUMENT, with nothing changed, if the present value, or the bounds of the schedule,
  // are outside.
  absl::Status Restrict(const Range& range);
  const Range& range() const;
  // Lets `set` and `scale` give only values in `turned` from now on, to which the schedule need not
  // keep.
  void LimitTurns(const Range& turned);

 private:
  friend class Sequence;
  std::shared_ptr<Sequence::Shared> shared_;
};

inline Settable settable(const Sequence& schedule) { return Settable(schedule); }

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_SETTABLE_H_
