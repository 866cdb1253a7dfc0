#include "core/functions/functions.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace descent {
namespace {

using Point = std::span<const double>;
using Gradient = std::span<double>;

constexpr double Square(double x) { return x * x; }
constexpr double Cube(double x) { return x * x * x; }

double EvaluateRosenbrock(Point x, Gradient g) {
  double value = 0;
  g[0] = 0;
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double valley = x[i + 1] - x[i] * x[i], rest = 1 - x[i];
    value += 100 * valley * valley + rest * rest;
    g[i] += -400 * valley * x[i] - 2 * rest;
    g[i + 1] = 200 * valley;
  }
  return value;
}

double EvaluateBeale(Point p, Gradient g) {
  const double x = p[0], y = p[1];
  const double a = 1.5 - x * (1 - y), b = 2.25 - x * (1 - y * y), c = 2.625 - x * (1 - y * y * y);
  g[0] = -2 * (a * (1 - y) + b * (1 - y * y) + c * (1 - y * y * y));
  g[1] = 2 * x * (a + 2 * b * y + 3 * c * y * y);
  return a * a + b * b + c * c;
}

double EvaluateHimmelblau(Point p, Gradient g) {
  const double x = p[0], y = p[1];
  const double a = x * x + y - 11, b = x + y * y - 7;
  g[0] = 4 * a * x + 2 * b;
  g[1] = 2 * a + 4 * b * y;
  return a * a + b * b;
}

double EvaluatePowellSingular(Point x, Gradient g) {
  const double a = x[0] + 10 * x[1], b = x[2] - x[3], c = x[1] - 2 * x[2], d = x[0] - x[3];
  g[0] = 2 * a + 40 * Cube(d);
  g[1] = 20 * a + 4 * Cube(c);
  g[2] = 10 * b - 8 * Cube(c);
  g[3] = -10 * b - 40 * Cube(d);
  return a * a + 5 * b * b + Square(c * c) + 10 * Square(d * d);
}

double EvaluateWood(Point x, Gradient g) {
  const double a = x[1] - x[0] * x[0], b = 1 - x[0], c = x[3] - x[2] * x[2], d = 1 - x[2];
  const double sum = x[1] + x[3] - 2, difference = x[1] - x[3];
  g[0] = -400 * a * x[0] - 2 * b;
  g[1] = 200 * a + 20 * sum + difference / 5;
  g[2] = -360 * c * x[2] - 2 * d;
  g[3] = 180 * c + 20 * sum - difference / 5;
  return 100 * a * a + b * b + 90 * c * c + d * d + 10 * sum * sum + difference * difference / 10;
}

double EvaluateHelicalValley(Point x, Gradient g) {
  const double radius = std::hypot(x[0], x[1]);
  // The angle is in turns, with the jump at the negative y axis.
  double angle = std::atan2(x[1], x[0]) / (2 * std::numbers::pi);
  if (angle < -0.25) angle += 1;
  const double a = x[2] - 10 * angle, b = radius - 1;
  const double per_angle = -2000 * a / (2 * std::numbers::pi * radius * radius);
  g[0] = per_angle * -x[1] + 200 * b * x[0] / radius;
  g[1] = per_angle * x[0] + 200 * b * x[1] / radius;
  g[2] = 200 * a + 2 * x[2];
  return 100 * (a * a + b * b) + x[2] * x[2];
}

}  // namespace

absl::StatusOr<Function> Quadratic(std::vector<double> diagonal, std::vector<double> linear) {
  if (diagonal.empty()) return absl::InvalidArgumentError("diagonal: give at least one number");
  if (linear.empty()) linear.assign(diagonal.size(), 0);
  if (linear.size() != diagonal.size()) {
    return absl::InvalidArgumentError(absl::StrCat("linear: it has ", linear.size(),
                                                   " numbers, but the diagonal ", diagonal.size()));
  }
  Function function{.name = "quadratic", .start = std::vector<double>(diagonal.size(), 0)};
  function.minimizers.emplace_back();
  for (size_t i = 0; i < diagonal.size(); ++i) {
    if (!(diagonal[i] >= 0) || !std::isfinite(diagonal[i])) {
      return absl::InvalidArgumentError(absl::StrCat("diagonal: number ", i, " is ", diagonal[i],
                                                     "; each must be finite and not negative"));
    }
    if (!std::isfinite(linear[i]) || (diagonal[i] == 0 && linear[i] != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("linear: number ", i, " is ", linear[i],
                       "; each must be finite, and 0 where the diagonal is: there would be no "
                       "minimum otherwise"));
    }
    if (linear[i] == 0) {
      function.minimizers[0].push_back(0);
      continue;
    }
    function.minimizers[0].push_back(-linear[i] / diagonal[i]);
    function.minimum -= linear[i] * linear[i] / (2 * diagonal[i]);
  }
  function.evaluate = [diagonal = std::move(diagonal), linear = std::move(linear)](Point x,
                                                                                   Gradient g) {
    double value = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      g[i] = diagonal[i] * x[i] + linear[i];
      value += (diagonal[i] * x[i] / 2 + linear[i]) * x[i];
    }
    return value;
  };
  return function;
}

absl::StatusOr<Function> Rosenbrock(int64_t dimension) {
  constexpr int64_t kMost = 1'000'000;
  if (dimension < 2 || dimension > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat("dimension: it is ", dimension, ", but must be from 2 to ", kMost));
  }
  const auto size = static_cast<size_t>(dimension);
  Function function{.name = "rosenbrock",
                    .start = std::vector<double>(size, 1),
                    .minimizers = {std::vector<double>(size, 1)},
                    .evaluate = EvaluateRosenbrock};
  for (size_t i = 0; i < size; i += 2) function.start[i] = -1.2;
  return function;
}

Function Beale() {
  return {.name = "beale", .start = {1, 1}, .minimizers = {{3, 0.5}}, .evaluate = EvaluateBeale};
}

Function Himmelblau() {
  return {.name = "himmelblau",
          .start = {2, 2},
          .minimizers = {{3, 2},
                         {-2.805118086952745, 3.131312518250573},
                         {-3.779310253377747, -3.283185991286170},
                         {3.584428340330492, -1.848126526964404}},
          .evaluate = EvaluateHimmelblau};
}

Function PowellSingular() {
  return {.name = "powell_singular",
          .start = {3, -1, 0, 1},
          .minimizers = {{0, 0, 0, 0}},
          .evaluate = EvaluatePowellSingular};
}

Function Wood() {
  return {.name = "wood",
          .start = {-3, -1, -3, -1},
          .minimizers = {{1, 1, 1, 1}},
          .evaluate = EvaluateWood};
}

Function HelicalValley() {
  return {.name = "helical_valley",
          .start = {-1, 0, 0},
          .minimizers = {{1, 0, 0}},
          .evaluate = EvaluateHelicalValley};
}

}  // namespace descent
