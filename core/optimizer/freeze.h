// These wrappers keep parameters where they are, chosen by a pattern of their names.
#ifndef DESCENT_CORE_OPTIMIZER_FREEZE_H_
#define DESCENT_CORE_OPTIMIZER_FREEZE_H_

#include <string>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <NamedParameters X, bool frozen_fit>
class FixedPartMethod;
template <NamedParameters X>
using FreezeMethod = FixedPartMethod<X, true>;
template <NamedParameters X>
using MaskMethod = FixedPartMethod<X, false>;

// The parameters whose names fit stay as they are, whatever the optimizer inside and the wrappers
// outside do: their gradient is zero to all of them.
template <class Optimizer>
struct Freeze {
  static constexpr std::string_view kind = "freeze";

  std::string pattern = "*";  // `*` stands for any characters, `?` for one
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(Named("pattern"), pattern); }
  DESCENT_WRAPPER(Freeze)
};

// Only the parameters whose names fit move; it is `freeze` for all others.
template <class Optimizer>
struct Mask {
  static constexpr std::string_view kind = "mask";

  std::string pattern = "*";
  Optimizer optimizer;

  void Describe(FieldList& fields) { fields(Named("pattern"), pattern); }
  DESCENT_WRAPPER(Mask)
};

template <NamedParameters X, bool frozen_fit>
class FixedPartMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  FixedPartMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0),
        own_(internal::Fitting(options.pattern, frozen_fit, x0.parameters())) {
    internal::CheckFits(this->Named("pattern"), options.pattern, x0.parameters());
  }

  // Tells these parameters to whoever runs the composition, which takes away their gradient.
  Places frozen() const override { return Union(WrapperMethod<X>::frozen(), own_); }
  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->StepInside(gradient, evaluator);
  }
  bool TakeEvaluation(double& value, X& gradient) override {
    return this->TakeEvaluationInside(value, gradient);
  }

 private:
  Places own_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_FREEZE_H_
