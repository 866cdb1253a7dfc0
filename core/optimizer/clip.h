// These wrappers clip the gradient: by its norm, by each parameter's norm, or number by number.
#ifndef DESCENT_CORE_OPTIMIZER_CLIP_H_
#define DESCENT_CORE_OPTIMIZER_CLIP_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/fields/fields.h"
#include "core/optimizer/element.h"
#include "core/optimizer/number_count.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/transformation.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"
#include "core/space/space.h"

namespace descent {

namespace internal {

inline constexpr std::string_view kClipEvaluating =
    "the optimizer inside evaluates the objective by itself, and those gradients would not be "
    "clipped; put the clipping inside it, or leave it out around a line search";

// Counts how often something was clipped, reported as a fraction of all steps so far.
struct ClippedSteps {
  int64_t steps = 0;
  int64_t clipped = 0;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit("steps", self.steps);
    visit("clipped", self.clipped);
  }
  void Report(const Reporter& report) const {
    report("clipped", steps == 0 ? 0 : static_cast<double>(clipped) / static_cast<double>(steps));
  }
};

// Reports which fraction was clipped in the last step.
struct ClippedPart {
  double clipped = 0;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit("clipped", self.clipped);
  }
  void Report(const Reporter& report) const { report("clipped", clipped); }
};

}  // namespace internal

// g ← g·max_norm/|g| where |g| > max_norm (Pascanu, Mikolov & Bengio 2013, algorithm 1; as
// optax.clip_by_global_norm). It reports `clip_by_norm.clipped`: the fraction of steps clipped so
// far.
template <class Optimizer>
struct ClipByNorm {
  static constexpr std::string_view kind = "clip_by_norm";

  Sequence max_norm = 1.0;  // each > 0
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(Positive("max_norm"), max_norm); }

  template <class X>
  static void Change(const PresentValues<ClipByNorm>& now, PassingGradient<X>& gradient,
                     internal::ClippedSteps& tally) {
    const double max_norm = now[&ClipByNorm::max_norm], present = norm(gradient.given());
    const bool clip = present > max_norm;
    if (clip) scale(max_norm / present, gradient.changed());
    ++tally.steps;
    tally.clipped += clip ? 1 : 0;
  }
  DESCENT_GRADIENT_TRANSFORMATION_SAYING(ClipByNorm, internal::kClipEvaluating)
};

// Does the same for each parameter by itself. It reports `clip_by_parameter_norm.clipped`: the
// fraction of parameters clipped in the last step, of those that aren't frozen.
template <class Optimizer>
struct ClipByParameterNorm {
  static constexpr std::string_view kind = "clip_by_parameter_norm";

  Sequence max_norm = 1.0;  // each > 0
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(Positive("max_norm"), max_norm); }

  template <class X>
  static void Change(const PresentValues<ClipByParameterNorm>& now, PassingGradient<X>& gradient,
                     internal::ClippedPart& tally) {
    const double max_norm = now[&ClipByParameterNorm::max_norm];
    tally.clipped = 0;
    if constexpr (NamedParameters<X>) {
      // Frozen parameters have no gradient that could be clipped.
      const size_t count = gradient.given().parameters().size() - gradient.frozen().size();
      const int changed = internal::ClipNorms(max_norm, gradient.changed().parameters());
      if (count > 0) tally.clipped = static_cast<double>(changed) / static_cast<double>(count);
    } else if (const double present = norm(gradient.given()); present > max_norm) {
      scale(max_norm / present, gradient.changed());
      tally.clipped = 1;
    }
  }
  DESCENT_GRADIENT_TRANSFORMATION_SAYING(ClipByParameterNorm, internal::kClipEvaluating)
};

// Moves each number into [−max_value, max_value] (optax.clip, torch clip_grad_value_). It reports
// `clip_by_value.clipped`: the fraction of numbers clipped in the last step, of those that aren't
// frozen.
template <class Optimizer>
struct ClipByValue {
  static constexpr std::string_view kind = "clip_by_value";

  Sequence max_value = 1.0;  // each > 0
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(Positive("max_value"), max_value); }

  template <ElementwiseAlgebra X>
  static void Change(const PresentValues<ClipByValue>& now, PassingGradient<X>& gradient,
                     internal::ClippedPart& tally) {
    const double max_value = now[&ClipByValue::max_value];
    Element<X> g(gradient.changed());
    g = min(max(g, -max_value), max_value);
    // Where a number was changed the difference is not 0, and its sign tells that.
    X& difference = gradient.scratch();
    assign(gradient.given(), difference);
    axpy(-1, gradient.changed(), difference);
    signum(difference);
    double count = NumberCount(gradient.given());
    if constexpr (NamedParameters<X>) {
      const auto parameters = gradient.given().parameters();
      for (const size_t i : gradient.frozen()) {
        count -= static_cast<double>(parameters[i].tensor.numel());
      }
    }
    tally.clipped = count > 0 ? dot(difference, difference) / count : 0;
  }
  DESCENT_GRADIENT_TRANSFORMATION_SAYING(ClipByValue, internal::kClipEvaluating)
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_CLIP_H_
