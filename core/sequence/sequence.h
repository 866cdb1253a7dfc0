// A `Sequence` is an infinite sequence of numbers: a step size, a momentum, any hyperparameter of
// an optimizer.
//
// A sequence is a value: a function of the position k = 0, 1, 2, … and the position where it
// stands. Position k is used in the step from x_k to x_{k+1}. A sequence may also go by what
// happens in the run (`Feedback`): then the number is a function of the position and of what it has
// observed. A copy counts, and observes, on its own; only a sequence made from a `Settable`
// (settable.h) shares its position and value with that handle. Not thread-safe.
//
//   Sequence constant = 0.1;
//   Sequence decay([](int64_t k) { return 0.1 / (1 + k); });
//   double first = decay.next(), second = decay.next();
#ifndef DESCENT_CORE_SEQUENCE_SEQUENCE_H_
#define DESCENT_CORE_SEQUENCE_SEQUENCE_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/sequence/range.h"

namespace descent {

class Settable;

class Sequence {
 public:
  using Function = std::function<double(int64_t position)>;
  // The least and the greatest number that a sequence yields, both possibly not reached.
  struct Bounds {
    double least;
    double greatest;
  };

  static constexpr const char* kValue = "value";

  // How a sequence goes by what happens: a fold over what it observes. Everything that it remembers
  // is `state`, which checkpoints hold. Both functions give the same for the same arguments.
  struct Feedback {
    // What it observes: `value`, the objective's at each iteration, or else a metric of the
    // evaluations on test data.
    std::string metric = kValue;
    bool maximize = false;           // whether greater is better
    std::vector<std::string> names;  // the names of the numbers of `state`, unique
    std::vector<double> state;       // the numbers at the beginning
    std::function<double(int64_t position, const std::vector<double>& state)> number;
    std::function<void(int64_t iteration, double value, std::vector<double>& state)> observe;
  };
  // What such a sequence has come to.
  struct Memory {
    std::vector<double> state = {};
    int64_t observed = 0;  // iterations before this one are observed
    bool operator==(const Memory&) const = default;
  };

  // Gives the same number for ever. Not explicit, so that `GradientDescent{.step_size = 0.1}` is
  // possible.
  Sequence(double constant);  // NOLINT(google-explicit-constructor)
  // Takes a function of the position that gives the same number whenever it is asked for the same
  // position (that is what makes runs resumable). `bounds` lets a range be checked in advance.
  explicit Sequence(Function function, std::optional<Bounds> bounds = std::nullopt);
  // Goes by what happens; `bounds` as above.
  explicit Sequence(Feedback feedback, std::optional<Bounds> bounds = std::nullopt);
  // What a schedule's options make (schedule.h). Throws std::invalid_argument, with the kind, where
  // ValidateFields gives an error. Not explicit: `Sgd{.step_size = Cosine{…}}`.
  template <class Schedule>
    requires requires(const Schedule& schedule) {
      { schedule.Make() } -> std::same_as<Sequence>;
    }
  Sequence(const Schedule& schedule);  // NOLINT(google-explicit-constructor)
  // Shares position and value with the handle.
  Sequence(const Settable& settable);  // NOLINT(google-explicit-constructor)

  // Gives the number at the present position, without counting.
  double value() const;
  // Gives the number at the present position, and counts.
  double next();
  // Gives the number at any position ≥ 0, ignoring what a Settable was set to; if the sequence goes
  // by what happens, as things stand.
  double at(int64_t position) const;

  int64_t position() const;
  void seek(int64_t position);
  // Goes to the beginning, with nothing observed.
  void Rewind();

  // Null unless the sequence goes by what happens.
  const Feedback* feedback() const;
  // Tells it the metric at that iteration. An iteration is observed once: after a later one, or a
  // second time, there is no effect. Nor is there for a sequence without feedback.
  void Observe(int64_t iteration, double value);

  // Gives INVALID_ARGUMENT if the present number, or the bounds if known, lie outside the range.
  absl::Status Validate(const Range& range) const;
  // The schedule's bounds, without regard to what a Settable was set to.
  const std::optional<Bounds>& bounds() const;

 private:
  friend class Settable;
  struct Shared;

  Function function_;  // empty if the sequence goes by what happens
  std::shared_ptr<const Feedback> feedback_;
  std::optional<Bounds> bounds_;
  int64_t position_ = 0;
  Memory memory_;
  std::shared_ptr<Shared>
      shared_;  // for a sequence made of a Settable; then the fields above are unused
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_SEQUENCE_H_
