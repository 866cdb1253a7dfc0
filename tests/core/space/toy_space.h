// This is the smallest element-wise algebra that isn't LibTorch's: what generic code may rely on,
// no more.
#ifndef DESCENT_TESTS_CORE_SPACE_TOY_SPACE_H_
#define DESCENT_TESTS_CORE_SPACE_TOY_SPACE_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/space/space.h"

namespace toy {

struct Pair {
  std::array<double, 2> v{};
  bool operator==(const Pair&) const = default;
};

}  // namespace toy

namespace descent {

template <>
struct Space<toy::Pair> {
  using P = toy::Pair;
  static P copy(const P& x) { return x; }
  static P zeros_like(const P&) { return {}; }
  static void assign(const P& x, P& y) { y = x; }
  static void scale(double a, P& x) {
    for (double& number : x.v) number *= a;
  }
  static void axpy(double a, const P& x, P& y) {
    for (size_t i = 0; i < 2; ++i) y.v[i] += a * x.v[i];
  }
  static double dot(const P& x, const P& y) { return x.v[0] * y.v[0] + x.v[1] * y.v[1]; }
  static void multiply(const P& x, P& y) {
    for (size_t i = 0; i < 2; ++i) y.v[i] *= x.v[i];
  }
  static void divide(const P& x, P& y) {
    for (size_t i = 0; i < 2; ++i) y.v[i] /= x.v[i];
  }
  static void square_root(P& x) {
    for (double& number : x.v) number = std::sqrt(number);
  }
  static void shift(double a, P& x) {
    for (double& number : x.v) number += a;
  }
  static void absolute_value(P& x) {
    for (double& number : x.v) number = std::abs(number);
  }
  static void signum(P& x) {
    for (double& number : x.v) number = number > 0 ? 1 : number < 0 ? -1 : 0;
  }
  static void maximum(const P& x, P& y) {
    for (size_t i = 0; i < 2; ++i) y.v[i] = std::max(x.v[i], y.v[i]);
  }
};

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_SPACE_TOY_SPACE_H_
