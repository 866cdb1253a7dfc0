// A `StateVisitor` goes through what a run saves to go on bit-identically; a `Dial` is what people
// turn of a run.
#ifndef DESCENT_CORE_OPTIMIZER_STATE_H_
#define DESCENT_CORE_OPTIMIZER_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/sequence/settable.h"

namespace at {
class Tensor;
}

namespace descent {

// Goes through everything that a run's future depends on, by name: saving reads through the
// references, restoring writes through them. The spaces are such as `solution`, `velocity`,
// `exp_avg`.
template <class X>
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  virtual void Space(std::string_view name, X& x) = 0;
  // A tensor of another shape than the elements: `row_var/hidden.weight`.
  virtual void Tensor(std::string_view name, at::Tensor& tensor) = 0;
  virtual void Number(std::string_view name, double& number) = 0;
  virtual void Integer(std::string_view name, int64_t& integer) = 0;
  // The run's states that are x's (core/model/fields.h). Called only if x is of a space that has
  // some.
  virtual void States(const X& /*x*/) {}
};

// A sequence-valued hyperparameter of a run.
struct Dial {
  std::string name;  // the field's: `step_size`, `momentum`, `beta1`
  Settable sequence;
  // The number that the step that produced the present iterate used; there is none at index 0.
  std::optional<double> used = {};
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_STATE_H_
