// An element of a space as an operand of a formula: `m = beta * m + (1 - beta) * g`.
//
// An update rule is a formula on numbers of any kind. `Element<X>` is the kind that works in every
// ElementwiseAlgebra, where each operator is done by the space's operations (lane.h has the kind
// for flat memory, where the whole formula is one pass). An element is either bound to an x of the
// space, and then an assignment writes into x's memory, or a temporary with memory of its own,
// which is what the operators give. It lives for one step and must not outlive the x that it is
// bound to. Not thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_ELEMENT_H_
#define DESCENT_CORE_OPTIMIZER_ELEMENT_H_

#include <optional>
#include <utility>

#include "core/space/space.h"

namespace descent {

template <ElementwiseAlgebra X>
class Element {
 public:
  // Makes a bound element, which refers to x.
  explicit Element(X& x) : bound_(&x) {}
  // Makes an element bound to what is only read.
  static const Element Reading(const X& x) { return Element(const_cast<X&>(x)); }
  // Makes a temporary.
  explicit Element(X&& x) : own_(std::move(x)) {}
  // A copy is a temporary, whether the other was bound or not.
  Element(const Element& other) : own_(copy(other.get())) {}
  // A move keeps what the other was, bound or a temporary.
  Element(Element&& other) noexcept = default;
  Element& operator=(const Element& other) {
    assign(other.get(), get());
    return *this;
  }

  X& get() { return bound_ ? *bound_ : *own_; }
  const X& get() const { return bound_ ? *bound_ : *own_; }

  Element& operator+=(const Element& other) {
    axpy(1, other.get(), get());
    return *this;
  }
  Element& operator-=(const Element& other) {
    axpy(-1, other.get(), get());
    return *this;
  }

  friend Element operator+(Element a, const Element& b) { return std::move(a += b); }
  friend Element operator-(Element a, const Element& b) { return std::move(a -= b); }
  friend Element operator-(Element a) { return -1.0 * std::move(a); }
  friend Element operator*(Element a, const Element& b) {
    multiply(b.get(), a.get());
    return a;
  }
  friend Element operator/(Element a, const Element& b) {
    divide(b.get(), a.get());
    return a;
  }
  friend Element operator*(double a, Element b) {
    descent::scale(a, b.get());
    return b;
  }
  friend Element operator+(Element a, double b) {
    shift(b, a.get());
    return a;
  }
  friend Element operator+(double a, Element b) { return std::move(b) + a; }
  friend Element operator-(double a, Element b) { return -1.0 * std::move(b) + a; }
  friend Element operator-(Element a, double b) { return std::move(a) + -b; }

  friend Element sqrt(Element a) {
    square_root(a.get());
    return a;
  }
  friend Element abs(Element a) {
    absolute_value(a.get());
    return a;
  }
  // Gives −1, 0 or 1 for each number.
  friend Element sign(Element a) {
    signum(a.get());
    return a;
  }
  friend Element max(Element a, const Element& b) {
    maximum(b.get(), a.get());
    return a;
  }
  friend Element max(Element a, double b) {
    Element constant(zeros_like(a.get()));
    shift(b, constant.get());
    return max(std::move(a), constant);
  }
  friend Element min(Element a, double b) { return -max(-std::move(a), -b); }

 private:
  X* bound_ = nullptr;
  std::optional<X> own_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ELEMENT_H_
