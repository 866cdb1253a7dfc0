// What a run saves to go on bit-identically, and its dials.
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

// Goes through everything that a run's future depends on, by name; saving reads through the
// references, restoring writes through them. Spaces: `solution`, `velocity`, `exp_avg`.
template <class X>
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  virtual void Space(std::string_view name, X& x) = 0;
  // Of another shape than the elements: `row_var/hidden.weight`.
  virtual void Tensor(std::string_view name, at::Tensor& tensor) = 0;
  virtual void Number(std::string_view name, double& number) = 0;
  virtual void Integer(std::string_view name, int64_t& integer) = 0;
  // x's states (core/model/fields.h), the run's. Only if x is of a space that has some.
  virtual void States(const X& /*x*/) {}
};

// A sequence-valued hyperparameter of a run.
struct Dial {
  std::string name;  // the field's: `step_size`, `momentum`, `beta1`
  Settable sequence;
  // What the step that produced the present iterate used; none at index 0.
  std::optional<double> used = {};
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_STATE_H_
