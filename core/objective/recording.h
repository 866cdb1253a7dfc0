// `Recording` is what `gradient` needs of autograd: tensors marked as leaves for a while, and the
// way back. Not thread-safe; it is used on one thread, one at a time on the same tensors.
#ifndef DESCENT_CORE_OBJECTIVE_RECORDING_H_
#define DESCENT_CORE_OBJECTIVE_RECORDING_H_

#include <span>

#include "ATen/core/Tensor.h"
#include "core/model/model.h"

namespace descent {

using Leaves = std::span<const at::Tensor>;

// While it lives, the leaves require a gradient and operations are recorded; afterwards the leaves
// are plain tensors again, whatever happened.
class Recording {
 public:
  explicit Recording(Leaves leaves);
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording();

  // Writes the derivative of `value` (one number) by each leaf into the tensor of the same place in
  // `gradient`; zero where the value doesn't depend on it. Gives the number. Throws
  // std::invalid_argument if the value isn't one number.
  double Differentiate(const at::Tensor& value, Leaves gradient);

 private:
  Leaves leaves_;
  bool grad_mode_;
};

// How an element of a space is made of leaves: `Point(x)` is x as the objective sees it while the
// graph is recorded, `Of` the tensors it consists of.
template <class X>
struct Recordable;

template <>
struct Recordable<at::Tensor> {
  // Gives another handle to the same memory, so that x itself is never marked.
  static at::Tensor Point(const at::Tensor& x) { return x.detach(); }
  static Leaves Of(const at::Tensor& x) { return Leaves(&x, 1); }
};

template <Structure S>
struct Recordable<ModelOf<S>> {
  static const ModelOf<S>& Point(const ModelOf<S>& x) { return x; }
  static Leaves Of(const ModelOf<S>& x) { return x.flat().tensors(); }
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_RECORDING_H_
