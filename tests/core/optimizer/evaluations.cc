// Counts the evaluations that methods need, on more problems than they were tuned on. It is a
// library for tests/data/evaluations_perturbed.py, which compares them with SciPy's on the very
// same functions.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ranges>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/functions/functions.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/nonlinear_cg.h"
#include "core/space/space.h"

namespace descent {

template <>
struct Space<std::vector<double>> {
  using V = std::vector<double>;
  static V copy(const V& x) { return x; }
  static V zeros_like(const V& x) { return V(x.size()); }
  static void assign(const V& x, V& y) { y = x; }
  static void scale(double a, V& x) {
    for (double& number : x) number *= a;
  }
  static void axpy(double a, const V& x, V& y) {
    for (size_t i = 0; i < x.size(); ++i) y[i] += a * x[i];
  }
  static double dot(const V& x, const V& y) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  }
};

namespace {

// This is a sum of squares, to which a problem adds one residual after the other.
class Squares {
 public:
  explicit Squares(std::span<double> gradient) : gradient_(gradient) {
    std::fill(gradient.begin(), gradient.end(), 0);
  }
  // Adds a residual, with its derivatives by the numbers of those places.
  void Add(double residual, std::initializer_list<std::pair<size_t, double>> derivatives) {
    value_ += residual * residual;
    for (const auto& [i, derivative] : derivatives) gradient_[i] += 2 * residual * derivative;
  }
  double value() const { return value_; }

 private:
  std::span<double> gradient_;
  double value_ = 0;
};

using In = std::span<const double>;
using Out = std::span<double>;

double FreudensteinRoth(In x, Out g) {  // 2
  Squares f(g);
  const double y = x[1];
  f.Add(-13 + x[0] + ((5 - y) * y - 2) * y, {{0, 1}, {1, (10 - 3 * y) * y - 2}});
  f.Add(-29 + x[0] + ((y + 1) * y - 14) * y, {{0, 1}, {1, (3 * y + 2) * y - 14}});
  return f.value();
}

double BrownBadlyScaled(In x, Out g) {  // 4
  Squares f(g);
  f.Add(x[0] - 1e6, {{0, 1}});
  f.Add(x[1] - 2e-6, {{1, 1}});
  f.Add(x[0] * x[1] - 2, {{0, x[1]}, {1, x[0]}});
  return f.value();
}

double Box(In x, Out g) {  // 12
  Squares f(g);
  for (int i = 1; i <= 10; ++i) {
    const double t = 0.1 * i, a = std::exp(-t * x[0]), b = std::exp(-t * x[1]);
    const double c = std::exp(-t) - std::exp(-10 * t);
    f.Add(a - b - x[2] * c, {{0, -t * a}, {1, t * b}, {2, -c}});
  }
  return f.value();
}

double BiggsExp6(In x, Out g) {  // 18
  Squares f(g);
  for (int i = 1; i <= 13; ++i) {
    const double t = 0.1 * i;
    const double y = std::exp(-t) - 5 * std::exp(-10 * t) + 3 * std::exp(-4 * t);
    const double a = std::exp(-t * x[0]), b = std::exp(-t * x[1]), c = std::exp(-t * x[4]);
    f.Add(x[2] * a - x[3] * b + x[5] * c - y,
          {{0, -t * x[2] * a}, {1, t * x[3] * b}, {2, a}, {3, -b}, {4, -t * x[5] * c}, {5, c}});
  }
  return f.value();
}

double ExtendedRosenbrock(In x, Out g) {  // 21
  Squares f(g);
  for (size_t i = 0; i < x.size(); i += 2) {
    f.Add(10 * (x[i + 1] - x[i] * x[i]), {{i, -20 * x[i]}, {i + 1, 10}});
    f.Add(1 - x[i], {{i, -1}});
  }
  return f.value();
}

double ExtendedPowell(In x, Out g) {  // 22
  Squares f(g);
  for (size_t i = 0; i < x.size(); i += 4) {
    const double c = x[i + 1] - 2 * x[i + 2], d = x[i] - x[i + 3];
    f.Add(x[i] + 10 * x[i + 1], {{i, 1}, {i + 1, 10}});
    f.Add(std::sqrt(5) * (x[i + 2] - x[i + 3]), {{i + 2, std::sqrt(5)}, {i + 3, -std::sqrt(5)}});
    f.Add(c * c, {{i + 1, 2 * c}, {i + 2, -4 * c}});
    f.Add(std::sqrt(10) * d * d, {{i, 2 * std::sqrt(10) * d}, {i + 3, -2 * std::sqrt(10) * d}});
  }
  return f.value();
}

double Penalty(In x, Out g) {  // 23
  Squares f(g);
  double sum = -0.25;
  for (size_t i = 0; i < x.size(); ++i) {
    f.Add(std::sqrt(1e-5) * (x[i] - 1), {{i, std::sqrt(1e-5)}});
    sum += x[i] * x[i];
  }
  for (size_t i = 0; i < x.size(); ++i) g[i] += 4 * sum * x[i];
  return f.value() + sum * sum;
}

double VariablyDimensioned(In x, Out g) {  // 25
  Squares f(g);
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    f.Add(x[i] - 1, {{i, 1}});
    sum += static_cast<double>(i + 1) * (x[i] - 1);
  }
  for (size_t i = 0; i < x.size(); ++i) {
    g[i] += (2 * sum + 4 * sum * sum * sum) * static_cast<double>(i + 1);
  }
  return f.value() + sum * sum + sum * sum * sum * sum;
}

double Trigonometric(In x, Out g) {  // 26
  const auto n = static_cast<double>(x.size());
  double cosines = 0, residuals = 0, value = 0;
  for (const double number : x) cosines += std::cos(number);
  std::vector<double> residual(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    residual[i] = n - cosines + static_cast<double>(i + 1) * (1 - std::cos(x[i])) - std::sin(x[i]);
    residuals += residual[i];
    value += residual[i] * residual[i];
  }
  for (size_t i = 0; i < x.size(); ++i) {
    const double own = static_cast<double>(i + 1) * std::sin(x[i]) - std::cos(x[i]);
    g[i] = 2 * (residuals * std::sin(x[i]) + residual[i] * own);
  }
  return value;
}

double DiscreteBoundaryValue(In x, Out g) {  // 28
  Squares f(g);
  const size_t n = x.size();
  const double h = 1 / static_cast<double>(n + 1);
  for (size_t i = 0; i < n; ++i) {
    const double before = i > 0 ? x[i - 1] : 0, after = i + 1 < n ? x[i + 1] : 0;
    const double s = x[i] + static_cast<double>(i + 1) * h + 1;
    f.Add(2 * x[i] - before - after + h * h * s * s * s / 2,
          {{i, 2 + 1.5 * h * h * s * s},
           {i > 0 ? i - 1 : i, i > 0 ? -1 : 0},
           {i + 1 < n ? i + 1 : i, i + 1 < n ? -1 : 0}});
  }
  return f.value();
}

double BroydenTridiagonal(In x, Out g) {  // 30
  Squares f(g);
  const size_t n = x.size();
  for (size_t i = 0; i < n; ++i) {
    const double before = i > 0 ? x[i - 1] : 0, after = i + 1 < n ? x[i + 1] : 0;
    f.Add((3 - 2 * x[i]) * x[i] - before - 2 * after + 1,
          {{i, 3 - 4 * x[i]},
           {i > 0 ? i - 1 : i, i > 0 ? -1 : 0},
           {i + 1 < n ? i + 1 : i, i + 1 < n ? -2 : 0}});
  }
  return f.value();
}

std::vector<double> Repeated(std::initializer_list<double> numbers, size_t count) {
  std::vector<double> start;
  while (start.size() < count) start.insert(start.end(), numbers);
  return start;
}

// Makes the problems with their numbers, from the starting points of Moré, Garbow & Hillstrom 1981.
std::vector<Function> Others() {
  std::vector<double> rising(10), falling(10), boundary(10);
  for (size_t i = 0; i < 10; ++i) {
    const auto k = static_cast<double>(i + 1);
    rising[i] = k;
    falling[i] = 1 - k / 10;
    boundary[i] = k / 11 * (k / 11 - 1);
  }
  return {
      {.name = "freudenstein_roth", .start = {0.5, -2}, .evaluate = FreudensteinRoth},
      {.name = "brown_badly_scaled", .start = {1, 1}, .evaluate = BrownBadlyScaled},
      {.name = "box", .start = {0, 10, 20}, .evaluate = Box},
      {.name = "biggs_exp6", .start = {1, 2, 1, 1, 1, 1}, .evaluate = BiggsExp6},
      {.name = "extended_rosenbrock",
       .start = Repeated({-1.2, 1}, 100),
       .evaluate = ExtendedRosenbrock},
      {.name = "extended_powell", .start = Repeated({3, -1, 0, 1}, 20), .evaluate = ExtendedPowell},
      {.name = "penalty", .start = rising, .evaluate = Penalty},
      {.name = "variably_dimensioned", .start = falling, .evaluate = VariablyDimensioned},
      {.name = "trigonometric", .start = Repeated({0.1}, 10), .evaluate = Trigonometric},
      {.name = "discrete_boundary_value", .start = boundary, .evaluate = DiscreteBoundaryValue},
      {.name = "broyden_tridiagonal", .start = Repeated({-1}, 10), .evaluate = BroydenTridiagonal}};
}

const std::vector<Function>& Problems() {
  static const std::vector<Function> problems = [] {
    std::vector<Function> all{*Rosenbrock(2),   *Rosenbrock(100), Beale(),        Himmelblau(),
                              PowellSingular(), Wood(),           HelicalValley()};
    for (Function& other : Others()) all.push_back(std::move(other));
    return all;
  }();
  return problems;
}

struct Objective {
  const Function& function;
  double gradient_into(const std::vector<double>& x, std::vector<double>& g) const {
    return function.evaluate(x, g);
  }
};

// Runs until no number of the gradient exceeds 1e-8, and gives the evaluations, or −1 if the
// iterations don't suffice.
template <class O>
int64_t Evaluations(const O& optimizer, const Function& function, std::span<const double> start) {
  constexpr int64_t kIterations = 20'000;
  auto run = optimizer(std::vector<double>(start.begin(), start.end()), Objective{function});
  for (const auto& it : run | std::views::take(kIterations)) {
    double greatest = 0;
    for (const double number : it.gradient) greatest = std::max(greatest, std::abs(number));
    if (greatest <= 1e-8) return run.evaluations();
  }
  return -1;
}

}  // namespace
}  // namespace descent

// Python calls these; `problem` is below problem_count().
extern "C" {

int64_t problem_count() { return std::ssize(descent::Problems()); }

const char* problem_name(int64_t problem) { return descent::Problems()[problem].name.c_str(); }

int64_t problem_dimension(int64_t problem) { return descent::Problems()[problem].dimension(); }

void problem_start(int64_t problem, double* x) {
  std::ranges::copy(descent::Problems()[problem].start, x);
}

double problem_value(int64_t problem, const double* x, double* gradient) {
  const descent::Function& function = descent::Problems()[problem];
  const size_t size = function.start.size();
  return function.evaluate({x, size}, {gradient, size});
}

// Gives the evaluations of the method "CG" or "L-BFGS-B", as SciPy calls them.
int64_t problem_evaluations(int64_t problem, const char* method, const double* start) {
  const descent::Function& function = descent::Problems()[problem];
  const std::span<const double> from(start, function.start.size());
  return std::string_view(method) == "CG"
             ? descent::Evaluations(descent::NonlinearCg{}, function, from)
             : descent::Evaluations(descent::Lbfgs{}, function, from);
}
}
