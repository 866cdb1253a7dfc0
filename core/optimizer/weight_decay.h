// These wrappers let parameters decay, either by the gradient (coupled) or beside it (decoupled).
#ifndef DESCENT_CORE_OPTIMIZER_WEIGHT_DECAY_H_
#define DESCENT_CORE_OPTIMIZER_WEIGHT_DECAY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/wrapper.h"

namespace descent {

template <InnerProductSpace X>
class CoupledWeightDecayMethod;
template <InnerProductSpace X>
class DecoupledWeightDecayMethod;

namespace internal {

// Declares the hyperparameters of both.
template <class O>
void DescribeWeightDecay(O& options, FieldList& fields) {
  fields(NonNegative("weight_decay"), options.weight_decay);
  fields(Named("pattern"), options.pattern);
}

}  // namespace internal

// g ← g + weight_decay·x, which is the gradient of f(x) + weight_decay/2·|x|² (torch.optim's
// `weight_decay` in all but AdamW). Line searches inside see that function, too.
template <class Optimizer>
struct CoupledWeightDecay {
  static constexpr std::string_view kind = "coupled_weight_decay";

  Sequence weight_decay = 0.01;  // each ≥ 0
  std::string pattern = "*";     // which parameters decay, by their names
  Optimizer optimizer;

  void Describe(FieldList& fields) { internal::DescribeWeightDecay(*this, fields); }
  DESCENT_WRAPPER(CoupledWeightDecay)
};

// x ← x − step_size·weight_decay·x before the step inside, by the step size of that step; a
// parameter in a group that has a step size of its own decays by that (Loshchilov & Hutter 2019;
// around Adam: AdamW).
template <class Optimizer>
struct DecoupledWeightDecay {
  static constexpr std::string_view kind = "decoupled_weight_decay";

  Sequence weight_decay = 0.01;  // each ≥ 0
  std::string pattern = "*";     // which parameters decay, by their names
  Optimizer optimizer;

  void Describe(FieldList& fields) { internal::DescribeWeightDecay(*this, fields); }
  DESCENT_WRAPPER(DecoupledWeightDecay)
};

template <InnerProductSpace X>
class CoupledWeightDecayMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  CoupledWeightDecayMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), pattern_(options.pattern), gradient_(zeros_like(x0)) {
    decaying_ = Select(this->Named("pattern"), pattern_, x0);
  }

  void Hold(const Places& frozen) override {
    WrapperMethod<X>::Hold(frozen);
    decaying_ = Select(this->Named("pattern"), pattern_, this->solution(), frozen);
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      const double decay = this->dials_.used(0);
      assign(gradient, gradient_);
      AxpySelected(decaying_, decay, this->point(), gradient_);
      Decayed decayed(*this, decay, evaluator);
      this->StepInside(gradient_, decayed);
    });
  }

 private:
  // This is f(x) + decay/2·|x|², for whoever evaluates inside.
  class Decayed final : public Evaluator<X> {
   public:
    Decayed(const CoupledWeightDecayMethod& method, double decay, Evaluator<X>& objective)
        : method_(method), decay_(decay), objective_(objective) {}
    double Evaluate(const X& x, X& gradient) override {
      const double value = objective_.Evaluate(x, gradient);
      AxpySelected(method_.decaying_, decay_, x, gradient);
      return value + Penalty(x);
    }
    double value() const override { return objective_.value() + Penalty(method_.point()); }
    int64_t evaluations() const override { return objective_.evaluations(); }

   private:
    double Penalty(const X& x) const {
      X fitting = zeros_like(x);
      AxpySelected(method_.decaying_, 1, x, fitting);
      return decay_ / 2 * dot(fitting, fitting);
    }
    const CoupledWeightDecayMethod& method_;
    double decay_;
    Evaluator<X>& objective_;
  };

  std::string pattern_;
  Selection decaying_;
  X gradient_;
};

template <InnerProductSpace X>
class DecoupledWeightDecayMethod final : public WrapperMethod<X> {
 public:
  template <class O>
  DecoupledWeightDecayMethod(const O& options, const X& x0)
      : WrapperMethod<X>(options, x0), pattern_(options.pattern) {
    this->RequireMovable("decays the solution between two steps");
    if (this->step_size_of(0) == nullptr) {
      throw std::invalid_argument(
          absl::StrCat(this->scope_,
                       ": the optimizer inside has no step size to decay by; use "
                       "coupled_weight_decay"));
    }
    Distribute();
  }

  void Hold(const Places& frozen) override {
    WrapperMethod<X>::Hold(frozen);
    Distribute();
  }

  void Step(const X& gradient, Evaluator<X>& evaluator) override {
    this->Guarded([&] {
      // The decay comes first, in the step's own step size; if the step fails, it is taken back.
      X& x = *this->movable();
      if (!before_) before_.emplace(zeros_like(x));
      assign(x, *before_);
      for (const Part& part : parts_) {
        const double step_size = part.step_size->sequence.value();
        ScaleSelected(part.parameters, 1 - step_size * this->dials_.used(0), x);
      }
      try {
        this->StepInside(gradient, evaluator);
      } catch (...) {
        assign(*before_, *this->movable());
        throw;
      }
    });
  }
  // The decay moves the solution even where the step leaves it.
  std::string_view stuck() const override { return {}; }

 private:
  // The parameters that have a step size in common: those of a group may have one of their own.
  struct Part {
    const Dial* step_size;
    Selection parameters;
  };

  void Distribute() {
    const Selection decaying =
        Select(this->Named("pattern"), pattern_, this->solution(), this->frozen_);
    parts_.clear();
    if constexpr (NamedParameters<X>) {
      const size_t count = this->solution().parameters().size();
      for (size_t place = 0; place < count; ++place) {
        const auto& list = decaying.places;
        if (!decaying.everything && !std::binary_search(list.begin(), list.end(), place)) continue;
        const Dial* step_size = this->step_size_of(place);
        auto part = std::find_if(parts_.begin(), parts_.end(),
                                 [&](const Part& p) { return p.step_size == step_size; });
        if (part == parts_.end()) part = parts_.insert(part, Part{step_size, {}});
        part->parameters.places.push_back(place);
      }
      if (parts_.size() != 1) return;
      parts_.front().parameters = decaying;
    } else {
      parts_.push_back({this->step_size_of(0), decaying});
    }
  }

  std::string pattern_;
  std::vector<Part> parts_;
  std::optional<X> before_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_WEIGHT_DECAY_H_
