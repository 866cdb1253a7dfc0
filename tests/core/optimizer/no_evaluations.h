// Stands in where steps need no evaluation but the gradient that they are given.
#ifndef DESCENT_TESTS_CORE_OPTIMIZER_NO_EVALUATIONS_H_
#define DESCENT_TESTS_CORE_OPTIMIZER_NO_EVALUATIONS_H_

#include <cstdint>
#include <stdexcept>

#include "core/optimizer/method.h"

namespace descent {

template <class X>
class NoEvaluations final : public Evaluator<X> {
 public:
  double Evaluate(const X&, X&) override { throw std::logic_error("an evaluation"); }
  double value() const override { throw std::logic_error("a value"); }
  int64_t evaluations() const override { return 0; }
};

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_OPTIMIZER_NO_EVALUATIONS_H_
