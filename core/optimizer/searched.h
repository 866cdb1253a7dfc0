// `SearchedMethod` is what methods with a line search have in common: the solution, the search, and
// what it found.
#ifndef DESCENT_CORE_OPTIMIZER_SEARCHED_H_
#define DESCENT_CORE_OPTIMIZER_SEARCHED_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/line_search.h"
#include "core/optimizer/method.h"
#include "core/optimizer/ray.h"
#include "core/optimizer/state.h"
#include "core/space/space.h"

namespace descent {

// The solution of such a method can't be moved from outside: the line search has evaluated the
// objective there already.
template <InnerProductSpace X>
class SearchedMethod : public Method<X> {
 public:
  std::span<Dial* const> dials() override { return dials_.list(); }
  const X& solution() const override { return x_; }
  bool evaluates() const override { return true; }

  bool TakeEvaluation(double& value, X& gradient) override {
    if (!fresh_) return false;
    fresh_ = false;
    value = value_;
    std::swap(gradient, ray_.gradient());
    return true;
  }

  std::string_view stuck() const override { return stuck_; }

  // Reports how far along the direction the last step went, and what finding out has cost.
  void Report(const Reporter& report) override {
    report("step_length", step_length_);
    report("line_search_evaluations", static_cast<double>(evaluations_));
  }

 protected:
  // Throws std::invalid_argument where the options' Validate() gives an error.
  template <class O>
  SearchedMethod(const O& options, const X& x0)
      : dials_(SequencesOf(options)), search_(options.line_search), x_(copy(x0)), ray_(x0) {
    ThrowUnlessOk(options.Validate());
  }

  // Runs `move` with the dials' next values; takes them back if that throws.
  void StepBy(absl::FunctionRef<void()> move) {
    dials_.Use();
    try {
      move();
    } catch (...) {
      dials_.Undo();
      throw;
    }
  }

  // Searches along the direction from the solution; nothing moves yet. A step of 0 means to stay.
  // ray.h explains the probe.
  Sample Search(const X& direction, double value, double slope, double trial, double probe,
                Evaluator<X>& evaluator) {
    fresh_ = false;
    start_ = {0, value, slope};
    return ray_.Search(search_, x_, direction, value, slope, trial, probe, evaluator);
  }

  // The gradient at what was found last, on the same batch as the gradient that the step was given.
  const X& found_gradient() { return ray_.gradient(); }

  // Accept goes there; Search must have given a step > 0 just before. Stay doesn't move; `steepest`
  // says that the search was along −g with no memory of earlier steps, so that the next one can
  // only be the same.
  void Accept(const Sample& found) {
    std::swap(x_, ray_.point());
    stuck_ = {};
    if (found.value == start_.value && found.slope == start_.slope && steady()) {
      // A fixed step may be lost in rounding. The point may be overwritten to find out: the next
      // search does that anyway.
      axpy(-1, x_, ray_.point());
      if (norm(ray_.point()) == 0) stuck_ = "a step of this size is lost in rounding";
    }
    value_ = found.value;
    fresh_ = true;
    step_length_ = found.step;
    evaluations_ = ray_.evaluations();
  }
  void Stay(bool steepest) {
    stuck_ = {};
    if (steepest && used_step_size() > 0 && start_.finite()) {
      if (start_.slope == 0) stuck_ = "the gradient is zero";
      if (start_.slope < 0 && steady()) {
        stuck_ = "the line search finds no lower value along the negative gradient";
      }
    }
    step_length_ = 0;
    evaluations_ = ray_.evaluations();
  }

  void VisitSearched(StateVisitor<X>& visitor) {
    dials_.Visit(visitor);
    visitor.Space("solution", x_);
    visitor.Number("step_length", step_length_);
    visitor.Integer("line_search_evaluations", evaluations_);
  }

  double used_step_size() const { return dials_.used(0); }
  double step_length() const { return step_length_; }

 private:
  // True if later steps will try the same size first.
  bool steady() {
    const auto bounds = Sequence(dials_.list().front()->sequence).bounds();
    return bounds && bounds->least == bounds->greatest;
  }

  Dials dials_;
  LineSearch search_;
  X x_;
  Ray<X> ray_;
  Sample start_;            // where the last search began
  std::string_view stuck_;  // a literal, so it outlives every reader
  bool fresh_ = false;      // whether value_ and the ray's gradient are those at x_
  double value_ = 0;
  double step_length_ = 0;
  int64_t evaluations_ = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_SEARCHED_H_
