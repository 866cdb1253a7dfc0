// How a declaration of an optimizer becomes a kind (kinds.h). Private to kinds*.cc, each of which
// instantiates some of the kinds, so that a change of one optimizer compiles its neighbours again
// and not all.
#ifndef DESCENT_CORE_OPTIMIZER_KIND_OF_H_
#define DESCENT_CORE_OPTIMIZER_KIND_OF_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/fields/form.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/kinds.h"

namespace descent::internal {

// A kind's name, and how a form of it is made.
template <class Form>
struct NamedForm {
  std::string_view kind;
  std::unique_ptr<Form> (*make)();
};
using OptimizerKindList = std::vector<NamedForm<OptimizerForm>>;
using WrapperKindList = std::vector<NamedForm<WrapperForm>>;

OptimizerKindList InnerProductKinds();   // kinds_inner_product.cc
OptimizerKindList AdamKinds();           // kinds_adam.cc
OptimizerKindList ElementwiseKinds();    // kinds_elementwise.cc
OptimizerKindList ParameterwiseKinds();  // kinds_parameterwise.cc
WrapperKindList GradientWrapperKinds();  // kinds_gradient_wrappers.cc
WrapperKindList SolutionWrapperKinds();  // kinds_solution_wrappers.cc

template <class Options>
absl::StatusOr<OptimizerOptions> Valid(Options options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  return OptimizerOptions(std::move(options));
}

template <class O>
class OptimizerFormOf final : public FormOf<O, OptimizerForm> {
 public:
  OptimizerFormOf() : FormOf<O, OptimizerForm>(Defaults<O>()) {}

  bool has_groups() const override { return ElementwiseRule<O>; }
  absl::StatusOr<OptimizerOptions> Make(std::span<const ParameterGroup> groups) const override {
    if (groups.empty()) return Valid(this->options_);
    if constexpr (ElementwiseRule<O>) {
      return Valid(Grouped<O>{this->options_, {groups.begin(), groups.end()}});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("groups: ", std::string(O::kind),
                       " has none, since it moves all parameters alike; use sgd or another "
                       "element-wise optimizer, or the wrapper `freeze`"));
    }
  }
};

template <template <class> class Wrapper>
class WrapperFormOf final : public FormOf<Wrapper<OptimizerOptions>, WrapperForm> {
 public:
  // The form wraps something of no consequence until Make says what is to be wrapped.
  WrapperFormOf()
      : FormOf<Wrapper<OptimizerOptions>, WrapperForm>(
            {.optimizer = GradientDescent{.step_size = 0.0}}) {}

  absl::StatusOr<OptimizerOptions> Make(const OptimizerOptions& optimizer) const override {
    Wrapper<OptimizerOptions> options = this->options_;
    options.optimizer = optimizer;
    return Valid(std::move(options));
  }
};

template <class... O>
OptimizerKindList MakeKinds() {
  return {{O::kind, []() -> std::unique_ptr<OptimizerForm> {
             return std::make_unique<OptimizerFormOf<O>>();
           }}...};
}

template <template <class> class... Wrapper>
WrapperKindList MakeWrapperKinds() {
  return {{Wrapper<OptimizerOptions>::kind, []() -> std::unique_ptr<WrapperForm> {
             return std::make_unique<WrapperFormOf<Wrapper>>();
           }}...};
}

}  // namespace descent::internal

#endif  // DESCENT_CORE_OPTIMIZER_KIND_OF_H_
