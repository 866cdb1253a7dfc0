// Line searches decide how far to go along a direction.
//
// A search looks at φ(a) = f(x + a·d) alone, so it is the same whatever the space is: it is given
// φ(0) with its slope φ'(0) < 0 and a first trial, evaluates where it likes, and says where to go.
// Values and free functions; any thread.
#ifndef DESCENT_CORE_OPTIMIZER_LINE_SEARCH_H_
#define DESCENT_CORE_OPTIMIZER_LINE_SEARCH_H_

#include <cmath>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/fields/form.h"
#include "core/sequence/range.h"

namespace descent {

// The value φ and the slope φ' at a step.
struct Sample {
  double step = 0;
  double value = 0;
  double slope = 0;

  bool finite() const { return std::isfinite(value) && std::isfinite(slope); }
};

// The function φ. What it throws, the search throws.
using LineFunction = absl::FunctionRef<Sample(double step)>;

// Goes by the trial step as it is, which is evaluated once.
struct FixedStep {
  static constexpr std::string_view kind = "fixed";

  void Describe(FieldList&) {}
  Sample Search(LineFunction phi, const Sample&, double trial) const { return phi(trial); }
};

// Tries shorter and shorter steps until φ(a) ≤ φ(0) + sufficient_decrease·a·φ'(0), Armijo's
// condition: the next step is the minimizer of the parabola through φ(0), φ'(0) and φ(a), then that
// of the cubic through one value more, but at most `contraction` times the last and not much
// shorter than a tenth of it (Nocedal & Wright 2006, algorithm 3.1 and equations 3.57 to 3.59).
struct Backtracking {
  static constexpr std::string_view kind = "backtracking";

  double sufficient_decrease = 1e-4;  // in (0, 1)
  double contraction = 0.5;           // in (0, 1)
  int64_t max_evaluations = 50;       // ≥ 1

  void Describe(FieldList& fields) {
    fields(OpenUnitInterval("sufficient_decrease"), sufficient_decrease);
    fields(OpenUnitInterval("contraction"), contraction);
    fields(AtLeastOne("max_evaluations"), max_evaluations);
  }
  Sample Search(LineFunction phi, const Sample& start, double trial) const;
};

// Looks for the strong Wolfe conditions, Armijo's and |φ'(a)| ≤ curvature·|φ'(0)|, by bracketing
// and zooming with cubic interpolation (Nocedal & Wright 2006, algorithms 3.5 and 3.6, equation
// 3.59).
struct StrongWolfe {
  static constexpr std::string_view kind = "strong_wolfe";

  double sufficient_decrease = 1e-4;  // in (0, 1)
  double curvature = 0.9;             // in (0, 1), above sufficient_decrease
  int64_t max_evaluations = 50;       // ≥ 1

  void Describe(FieldList& fields) {
    fields(OpenUnitInterval("sufficient_decrease"), sufficient_decrease);
    fields(OpenUnitInterval("curvature"), curvature);
    fields(AtLeastOne("max_evaluations"), max_evaluations);
    fields.Together([this] { return Check(); });
  }
  Sample Search(LineFunction phi, const Sample& start, double trial) const;
  // Gives INVALID_ARGUMENT if curvature isn't above sufficient_decrease: there may be no such step.
  absl::Status Check() const;
};

// This is the search of CG_DESCENT (Hager & Zhang 2005, "A new conjugate gradient method with
// guaranteed descent and an efficient line search", sections 4 and 5). It looks for either the
// Wolfe conditions,
//   φ(a) − φ(0) ≤ sufficient_decrease·a·φ'(0) and φ'(a) ≥ curvature·φ'(0),
// or the approximate ones, which rounding of the values does not hide near a minimum,
//   (2·sufficient_decrease − 1)·φ'(0) ≥ φ'(a) ≥ curvature·φ'(0) and φ(a) ≤ φ(0) + epsilon·|φ(0)|.
struct HagerZhang {
  static constexpr std::string_view kind = "hager_zhang";

  double sufficient_decrease = 0.1;  // δ, in (0, 0.5)
  double curvature = 0.9;            // σ, in (0, 1) and ≥ sufficient_decrease
  double epsilon = 1e-6;             // ≥ 0
  double theta = 0.5;                // in (0, 1), where an interval is cut
  double gamma = 0.66;               // in (0, 1), how much shorter it must become each time
  double rho = 5;                    // > 1, how much further the first one is looked for each time
  int64_t max_evaluations = 50;      // ≥ 1

  void Describe(FieldList& fields) {
    Range below_half = OpenUnitInterval("sufficient_decrease"), above_one = AtLeastOne("rho");
    below_half.max = 0.5;
    above_one.min_included = false;
    fields(below_half, sufficient_decrease);
    fields(OpenUnitInterval("curvature"), curvature);
    fields(NonNegative("epsilon"), epsilon);
    fields(OpenUnitInterval("theta"), theta);
    fields(OpenUnitInterval("gamma"), gamma);
    fields(above_one, rho);
    fields(AtLeastOne("max_evaluations"), max_evaluations);
    fields.Together([this] { return Check(); });
  }
  Sample Search(LineFunction phi, const Sample& start, double trial) const;
  // Gives INVALID_ARGUMENT if curvature is below sufficient_decrease.
  absl::Status Check() const;
};

// A value that holds any line search: one of these, or one's own options with a `Search`.
class LineSearch {
 public:
  template <Declared S>
    requires(!std::same_as<S, LineSearch>)
  LineSearch(S search)  // NOLINT(google-explicit-constructor): .line_search = HagerZhang{}
      : search_(std::make_unique<Holder<S>>(std::move(search))) {}
  LineSearch(const LineSearch& other) : search_(other.search_->Copy()) {}
  LineSearch(LineSearch&& other) noexcept = default;
  LineSearch& operator=(LineSearch other) noexcept {
    search_ = std::move(other.search_);
    return *this;
  }

  // The name, such as `hager_zhang`.
  std::string_view kind() const { return search_->kind(); }
  // The list refers to this search.
  FieldList fields() { return search_->fields(); }
  // Gives INVALID_ARGUMENT naming the field: `strong_wolfe.curvature: …`.
  absl::Status Validate() const;
  // Says where to go, from start.step = 0 with start.slope < 0 and a trial > 0. A step of 0 means
  // nowhere: no evaluated step had a lower value, or as low a one with a flatter slope. If the
  // conditions were not met within max_evaluations, the result is the best of what was evaluated.
  Sample Search(LineFunction phi, const Sample& start, double trial) const {
    return search_->Search(phi, start, trial);
  }

 private:
  class Interface : public Form {
   public:
    virtual std::unique_ptr<Interface> Copy() const = 0;
    virtual Sample Search(LineFunction phi, const Sample& start, double trial) const = 0;
  };
  template <class S>
  class Holder final : public FormOf<S, Interface> {
   public:
    explicit Holder(S search) : FormOf<S, Interface>(std::move(search)) {}
    std::unique_ptr<Interface> Copy() const override {
      return std::make_unique<Holder>(this->options_);
    }
    Sample Search(LineFunction phi, const Sample& start, double trial) const override {
      return this->options_.Search(phi, start, trial);
    }
  };

  std::unique_ptr<Interface> search_;
};

// Makes the search of that kind with its defaults, or nothing if there is no such kind. A new one
// needs its name in line_search.cc.
std::optional<LineSearch> MakeLineSearch(std::string_view kind);

// Checks a field that is a line search (core/fields): `line_search.strong_wolfe.curvature: …`.
absl::Status CheckField(const Range& range, const LineSearch& search);

namespace internal {

// Gives the minimizer of the cubic with these values and slopes (Nocedal & Wright, equation 3.59),
// or NaN if it has none.
double CubicMinimizer(const Sample& a, const Sample& b);

// `Limited` is φ with a limit: it counts evaluations and keeps the best.
class Limited {
 public:
  Limited(LineFunction phi, const Sample& start, int64_t max_evaluations)
      : phi_(phi), left_(max_evaluations), best_(start) {}

  bool exhausted() const { return left_ <= 0; }
  Sample At(double step);
  const Sample& best() const { return best_; }

 private:
  LineFunction phi_;
  int64_t left_;
  Sample best_;
};

}  // namespace internal
}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_LINE_SEARCH_H_
