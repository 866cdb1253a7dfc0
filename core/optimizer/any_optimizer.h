// `AnyOptimizer<X>` is any optimizer over the space X, chosen at run time.
//
// It is a value made from any optimizer (`Adam{}`, a wrapper, one's own); applied to (x0,
// objective) it is a range as they are. It is an optimizer itself, so that wrappers, which are
// templates over what they wrap, also compose at run time: `ClipByNorm<AnyOptimizer<X>>`. It is
// immutable, and so safe to share between threads as far as its sequences are (a Settable isn't).
#ifndef DESCENT_CORE_OPTIMIZER_ANY_OPTIMIZER_H_
#define DESCENT_CORE_OPTIMIZER_ANY_OPTIMIZER_H_

#include <concepts>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "core/objective/gradient.h"
#include "core/optimizer/method.h"
#include "core/optimizer/optimizer.h"
#include "core/optimizer/run.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class AnyOptimizer {
 public:
  // Converts from any Optimizer<X>. Whether there is a conversion is decided by nothing but whether
  // it has methods for X: to ask for more (that it can be copied) would ask whether a wrapper of an
  // AnyOptimizer can be copied, which depends on the answer.
  template <class O>
    requires(!std::same_as<O, AnyOptimizer> && requires { typename O::template MethodFor<X>; })
  AnyOptimizer(O optimizer)  // NOLINT(google-explicit-constructor): ModelRun::Create(Adam{}, …)
      : optimizer_(std::make_shared<Holder<O>>(std::move(optimizer))) {
    static_assert(Optimizer<O, X>);
  }

  // Gives INVALID_ARGUMENT naming the field.
  absl::Status Validate() const { return optimizer_->Validate(); }
  // Begins at a copy of x0. Throws std::invalid_argument where Validate() gives an error.
  std::unique_ptr<Method<X>> Start(const X& x0) const { return optimizer_->Start(x0); }

  // Gives the range of iterations that begins at a copy of x0. Throws std::invalid_argument where
  // Validate() gives an error.
  template <Objective<X> F>
  Run<X> operator()(const X& x0, F objective) const {
    return {Start(x0), AnyObjective<X>(std::move(objective))};
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual absl::Status Validate() const = 0;
    virtual std::unique_ptr<Method<X>> Start(const X& x0) const = 0;
  };

  template <class O>
  struct Holder final : Interface {
    explicit Holder(O o) : optimizer(std::move(o)) {}
    absl::Status Validate() const override { return optimizer.Validate(); }
    std::unique_ptr<Method<X>> Start(const X& x0) const override { return optimizer.Start(x0); }
    O optimizer;
  };

  std::shared_ptr<const Interface> optimizer_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ANY_OPTIMIZER_H_
