// Stop tests say when a run has come far enough: by x, f, g, iterations, evaluations and time.
//
//   Stopper<at::Tensor> stopper({.value_relative_change = 1e-12, .gradient_norm = 1e-8});
//   auto run = Lbfgs{}(x0, objective);
//   for (const auto& it : run) {
//     const std::vector<StopReason> reasons = stopper.Look(it, run.evaluations());
//     if (!reasons.empty()) { …ToSentence(reasons)…; break; }
//   }
#ifndef DESCENT_CORE_OPTIMIZER_STOP_TESTS_H_
#define DESCENT_CORE_OPTIMIZER_STOP_TESTS_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/optimizer/iteration.h"
#include "core/sequence/range.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

// Each test is off unless given; a run stops as soon as one holds. Tolerances are absolute or
// relative, one test each, as Optim.jl has them; norms are Euclidean, so that they mean something
// in every inner product space.
struct StopTests {
  std::optional<double> solution_change = {};           // |x_k − x_{k−1}| ≤ it
  std::optional<double> solution_relative_change = {};  // |x_k − x_{k−1}| ≤ it·|x_k|
  std::optional<double> value_change = {};              // |f_k − f_{k−1}| ≤ it
  std::optional<double> value_relative_change = {};     // |f_k − f_{k−1}| ≤ it·|f_k|
  std::optional<double> value_below = {};               // f_k ≤ it
  std::optional<double> gradient_norm = {};             // |g_k| ≤ it
  std::optional<double> gradient_max = {};              // each |g_k,i| ≤ it; for tensors and models
  std::optional<int64_t> iterations = {};               // k ≥ it
  std::optional<int64_t> evaluations = {};              // of the objective, ≥ it
  std::optional<double> seconds = {};                   // ≥ it, by whatever clock is given

  void Describe(FieldList& fields) {
    fields(NonNegative("solution_change"), solution_change);
    fields(NonNegative("solution_relative_change"), solution_relative_change);
    fields(NonNegative("value_change"), value_change);
    fields(NonNegative("value_relative_change"), value_relative_change);
    fields(Named("value_below"), value_below);
    fields(NonNegative("gradient_norm"), gradient_norm);
    fields(NonNegative("gradient_max"), gradient_max);
    fields(AtLeastOne("iterations"), iterations);
    fields(AtLeastOne("evaluations"), evaluations);
    fields(NonNegative("seconds"), seconds);
  }

  // Gives INVALID_ARGUMENT naming the field.
  absl::Status Validate() const;
  bool any() const;
};

// A test that held.
struct StopReason {
  std::string test;  // `gradient_norm`
  double measured;
  double limit;
  bool at_least = false;  // it is ≥ the limit, not ≤
  std::string why = {};   // instead of a comparison
};

// `gradient_norm 3.2e-09 <= 1e-08, evaluations 100 >= 100`; of a reason without a comparison
// `stuck: the gradient is zero`.
std::string ToSentence(const std::vector<StopReason>& reasons);

// What the tests compare. Changes are those since the iteration before, and NaN if that is not
// known.
struct StopMeasures {
  int64_t index = 0;
  double solution_change = 0;
  double solution_norm = 0;
  double value_change = 0;
  double value = 0;
  double gradient_norm = 0;
  double gradient_max = 0;
  int64_t evaluations = 0;
  std::optional<double> seconds = {};  // none where time is not to decide
};

// Gives all that hold, in the order of the fields.
std::vector<StopReason> Holding(const StopTests& tests, const StopMeasures& measures);

namespace internal {

// Gives the greatest |x_i|, or NaN if there is one.
double Greatest(Buffers x);

}  // namespace internal

// A stopper remembers the iteration before. It owns a copy of its solution if a test asks for
// changes. Not thread-safe.
template <InnerProductSpace X>
class Stopper {
 public:
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  // `seconds` gives those of the run so far, or none where time is not to decide. Throws
  // std::invalid_argument where Validate() gives an error, or if the space has no coordinates for
  // gradient_max.
  explicit Stopper(StopTests tests, std::function<std::optional<double>()> seconds = {});

  // Takes each iteration in turn, and gives the tests that hold. The same iteration again gives the
  // same.
  std::vector<StopReason> Look(const Iteration<X>& it, int64_t evaluations) {
    return Look(it.index, it.solution, it.value, it.gradient, evaluations);
  }
  std::vector<StopReason> Look(int64_t index, const X& solution, double value, const X& gradient,
                               int64_t evaluations);

  // What the tests of the iteration looked at last depend on besides the iteration itself.
  struct State {
    int64_t index = -1;  // none yet
    double solution_change = kUnknown;
    double value_change = kUnknown;
  };
  const State& state() const { return state_; }
  // Goes on from there: the next look must be at that iteration.
  void Restore(const State& state) {
    state_ = state;
    before_.reset();
  }

 private:
  const StopTests tests_;
  const std::function<std::optional<double>()> seconds_;
  State state_;
  std::optional<X> before_;  // the solution looked at last
  double value_before_ = kUnknown;
};

template <InnerProductSpace X>
Stopper<X>::Stopper(StopTests tests, std::function<std::optional<double>()> seconds)
    : tests_(std::move(tests)), seconds_(std::move(seconds)) {
  absl::Status status = tests_.Validate();
  if (!FlatSpace<X> && status.ok() && tests_.gradient_max) {
    status = absl::InvalidArgumentError(
        "gradient_max: this space has no coordinates; use gradient_norm");
  }
  if (!status.ok()) throw std::invalid_argument(std::string(status.message()));
}

template <InnerProductSpace X>
std::vector<StopReason> Stopper<X>::Look(int64_t index, const X& solution, double value,
                                         const X& gradient, int64_t evaluations) {
  const bool solution_asked = tests_.solution_change || tests_.solution_relative_change;
  if (index != state_.index) {
    state_.index = index;
    if (before_) {
      axpy(-1, solution, *before_);
      state_.solution_change = norm(*before_);
    }
    state_.value_change = std::abs(value - value_before_);
  }
  value_before_ = value;
  if (solution_asked && !before_) before_.emplace(copy(solution));
  if (before_) assign(solution, *before_);
  StopMeasures measures{.index = index,
                        .solution_change = state_.solution_change,
                        .solution_norm = tests_.solution_relative_change ? norm(solution) : 0,
                        .value_change = state_.value_change,
                        .value = value,
                        .gradient_norm = tests_.gradient_norm ? norm(gradient) : 0,
                        .evaluations = evaluations};
  if constexpr (FlatSpace<X>) {
    if (tests_.gradient_max)
      measures.gradient_max = internal::Greatest(Space<X>::buffers(gradient));
  }
  if (seconds_) measures.seconds = seconds_();
  return Holding(tests_, measures);
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_STOP_TESTS_H_
