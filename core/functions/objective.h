// `FunctionObjective` makes a function on numbers an objective of tensors, and of models with one
// parameter.
#ifndef DESCENT_CORE_FUNCTIONS_OBJECTIVE_H_
#define DESCENT_CORE_FUNCTIONS_OBJECTIVE_H_

#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/functions/functions.h"
#include "core/model/model.h"

namespace descent {

// It computes in double whatever the dtype and device of x. A value; not thread-safe, copies are
// independent.
class FunctionObjective {
 public:
  explicit FunctionObjective(Function function) : function_(std::move(function)) {}

  // Writes the gradient into g, and gives the value. x has the function's dimension in numbers, in
  // any shape. Throws std::invalid_argument if it has another number of elements.
  double gradient_into(const at::Tensor& x, at::Tensor& g);

  // Does the same on the first parameter.
  template <class S>
  double gradient_into(const ModelOf<S>& x, ModelOf<S>& g) {
    at::Tensor gradient = g.parameters().front().tensor;
    return gradient_into(x.parameters().front().tensor, gradient);
  }

  const Function& function() const { return function_; }

 private:
  Function function_;
  std::vector<double> numbers_, gradient_;  // for tensors that don't lie in memory as doubles
};

}  // namespace descent

#endif  // DESCENT_CORE_FUNCTIONS_OBJECTIVE_H_
