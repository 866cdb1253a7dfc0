// The vocabulary of inner product spaces: all that an optimizer may do with a solution.
//
// A type becomes a space by specializing `Space<T>`; at::Tensor (tensor_space.h) and models
// (core/model/model.h) have done so. Generic code then says `axpy(-step, gradient, x)` and the
// like. Elements are values: `copy` and `zeros_like` give memory of their own. Operations on
// elements of different shape throw (std::invalid_argument or c10::Error): that is a programming
// error. Not thread-safe on one element, independent on different ones.
//
// The operations are function objects rather than functions so that `dot(x, y)` in generic code
// means these and never at::dot, which argument-dependent lookup would find.
#ifndef DESCENT_CORE_SPACE_SPACE_H_
#define DESCENT_CORE_SPACE_SPACE_H_

#include <cmath>
#include <concepts>

namespace descent {

// `Space<T>` is to be specialized with static functions:
//   T copy(const T& x)                          T zeros_like(const T& x)
//   void assign(const T& x, T& y)               y ← x, in y's memory
//   void scale(double a, T& x)                  x ← a·x
//   void axpy(double a, const T& x, T& y)       y ← y + a·x
//   double dot(const T& x, const T& y)
// and, if it can be had cheaper than √dot(x, x): double norm(const T& x).
// An element-wise algebra has besides:
//   void multiply(const T& x, T& y)             y ← y ⊙ x
//   void divide(const T& x, T& y)               y ← y ⊘ x
//   void square_root(T& x)                      x ← √x
//   void shift(double a, T& x)                  x ← x + a
//   void absolute_value(T& x)                   x ← |x|
//   void signum(T& x)                           x ← −1, 0 or 1
//   void maximum(const T& x, T& y)              y ← max(x, y)
template <class T>
struct Space;

// This is enough for gradient descent, momentum, Nesterov's method, and everything made of inner
// products.
template <class T>
concept InnerProductSpace = std::movable<T> && requires(const T& x, T& y, double a) {
  { Space<T>::copy(x) } -> std::same_as<T>;
  { Space<T>::zeros_like(x) } -> std::same_as<T>;
  Space<T>::assign(x, y);
  Space<T>::scale(a, y);
  Space<T>::axpy(a, x, y);
  { Space<T>::dot(x, x) } -> std::convertible_to<double>;
};

// This is what Adam and its relatives ask for.
template <class T>
concept ElementwiseAlgebra = InnerProductSpace<T> && requires(const T& x, T& y, double a) {
  Space<T>::multiply(x, y);
  Space<T>::divide(x, y);
  Space<T>::square_root(y);
  Space<T>::shift(a, y);
  Space<T>::absolute_value(y);
  Space<T>::signum(y);
  Space<T>::maximum(x, y);
};

namespace internal {

struct Copy {
  template <InnerProductSpace T>
  T operator()(const T& x) const {
    return Space<T>::copy(x);
  }
};

struct ZerosLike {
  template <InnerProductSpace T>
  T operator()(const T& x) const {
    return Space<T>::zeros_like(x);
  }
};

struct Assign {
  template <InnerProductSpace T>
  void operator()(const T& x, T& y) const {
    Space<T>::assign(x, y);
  }
};

struct Scale {
  template <InnerProductSpace T>
  void operator()(double a, T& x) const {
    Space<T>::scale(a, x);
  }
};

struct Axpy {
  template <InnerProductSpace T>
  void operator()(double a, const T& x, T& y) const {
    Space<T>::axpy(a, x, y);
  }
};

struct Dot {
  template <InnerProductSpace T>
  double operator()(const T& x, const T& y) const {
    return Space<T>::dot(x, y);
  }
};

struct Norm {
  template <InnerProductSpace T>
  double operator()(const T& x) const {
    if constexpr (requires { Space<T>::norm(x); }) {
      return Space<T>::norm(x);
    } else {
      return std::sqrt(static_cast<double>(Space<T>::dot(x, x)));
    }
  }
};

struct Multiply {
  template <ElementwiseAlgebra T>
  void operator()(const T& x, T& y) const {
    Space<T>::multiply(x, y);
  }
};

struct Divide {
  template <ElementwiseAlgebra T>
  void operator()(const T& x, T& y) const {
    Space<T>::divide(x, y);
  }
};

struct SquareRoot {
  template <ElementwiseAlgebra T>
  void operator()(T& x) const {
    Space<T>::square_root(x);
  }
};

struct Shift {
  template <ElementwiseAlgebra T>
  void operator()(double a, T& x) const {
    Space<T>::shift(a, x);
  }
};

struct AbsoluteValue {
  template <ElementwiseAlgebra T>
  void operator()(T& x) const {
    Space<T>::absolute_value(x);
  }
};

struct Signum {
  template <ElementwiseAlgebra T>
  void operator()(T& x) const {
    Space<T>::signum(x);
  }
};

struct Maximum {
  template <ElementwiseAlgebra T>
  void operator()(const T& x, T& y) const {
    Space<T>::maximum(x, y);
  }
};

}  // namespace internal

inline constexpr internal::Copy copy{};
inline constexpr internal::ZerosLike zeros_like{};
inline constexpr internal::Assign assign{};
inline constexpr internal::Scale scale{};
inline constexpr internal::Axpy axpy{};
inline constexpr internal::Dot dot{};
inline constexpr internal::Norm norm{};
inline constexpr internal::Multiply multiply{};
inline constexpr internal::Divide divide{};
inline constexpr internal::SquareRoot square_root{};
inline constexpr internal::Shift shift{};
inline constexpr internal::AbsoluteValue absolute_value{};
inline constexpr internal::Signum signum{};
inline constexpr internal::Maximum maximum{};

}  // namespace descent

#endif  // DESCENT_CORE_SPACE_SPACE_H_
