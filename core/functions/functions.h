// The functions on which optimizers are compared: known starting points, known minima, gradients by
// hand.
//
// A Function works on plain numbers; objective.h makes it an objective of tensors and models.
// Starting points are those of Moré, Garbow & Hillstrom 1981 ("Testing unconstrained optimization
// software", ACM TOMS 7), where the function is there; its number is given. Values; any thread.
#ifndef DESCENT_CORE_FUNCTIONS_FUNCTIONS_H_
#define DESCENT_CORE_FUNCTIONS_FUNCTIONS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace descent {

struct Function {
  std::string name;           // `rosenbrock`
  std::vector<double> start;  // where runs begin; its size is the dimension
  double minimum = 0;         // the least value
  // Where the least value is taken; all such points, in no order.
  std::vector<std::vector<double>> minimizers = {};
  // Gives the value at x, and writes the gradient there into `gradient`; both are of the
  // dimension's size.
  std::function<double(std::span<const double> x, std::span<double> gradient)> evaluate = {};

  int64_t dimension() const { return static_cast<int64_t>(start.size()); }
};

// Σ ½·diagonal_i·x_i² + linear_i·x_i, from 0. Without `linear`, that is 0. Gives INVALID_ARGUMENT
// naming the field if `diagonal` is empty or has negative numbers, `linear` is of another size or
// not 0 where the diagonal is, or something is not finite.
absl::StatusOr<Function> Quadratic(std::vector<double> diagonal, std::vector<double> linear = {});

// Σ 100·(x_{i+1} − x_i²)² + (1 − x_i)², from (−1.2, 1, −1.2, 1, …)  (1; in more dimensions chained,
// as scipy.optimize.rosen). From 4 dimensions on it has a local minimum near (−1, 1, …, 1), too.
// Gives INVALID_ARGUMENT naming the field `dimension` if it is below 2 or above 10⁶.
absl::StatusOr<Function> Rosenbrock(int64_t dimension = 2);

// (1.5 − x(1 − y))² + (2.25 − x(1 − y²))² + (2.625 − x(1 − y³))², from (1, 1)  (5).
Function Beale();

// (x² + y − 11)² + (x + y² − 7)², from (2, 2); four minima  (Himmelblau 1972).
Function Himmelblau();

// (a + 10b)² + 5(c − d)² + (b − 2c)⁴ + 10(a − d)⁴, from (3, −1, 0, 1)  (13). Its second derivative
// at the minimum is singular.
Function PowellSingular();

// 100(b − a²)² + (1 − a)² + 90(d − c²)² + (1 − c)² + 10(b + d − 2)² + (b − d)²/10, from
// (−3, −1, −3, −1)  (14).
Function Wood();

// 100((z − 10θ(x, y))² + (√(x² + y²) − 1)²) + z² with θ the angle of (x, y) in turns, from
// (−1, 0, 0)  (7). Not differentiable where x = y = 0.
Function HelicalValley();

}  // namespace descent

#endif  // DESCENT_CORE_FUNCTIONS_FUNCTIONS_H_
