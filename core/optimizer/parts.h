// Operations on some of the parameters of an element, chosen by the pattern of their names.
//
// An element without names (a tensor, a toy space) is one parameter, which only `*` fits. Throws
// std::invalid_argument at `CheckPattern`, so that it is found when a method is made. Not
// thread-safe on one element.
#ifndef DESCENT_CORE_OPTIMIZER_PARTS_H_
#define DESCENT_CORE_OPTIMIZER_PARTS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/model/flat_parameters.h"
#include "core/optimizer/groups.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

template <class X>
concept NamedParameters = FlatSpace<X> && requires(const X& x) {
  { x.parameters() } -> std::convertible_to<std::span<const Parameter>>;
};

namespace internal {

using Parameters = std::span<const Parameter>;

void CheckFits(std::string_view field, const std::string& pattern, Parameters parameters);
[[noreturn]] void RefusePattern(std::string_view field);
void ScaleFitting(const std::string& pattern, double a, Parameters x);
void AxpyFitting(const std::string& pattern, double a, Parameters x, Parameters y);
void AssignFitting(const std::string& pattern, bool fits, Parameters x, Parameters y);
void ZeroFitting(const std::string& pattern, bool fits, Parameters x);
// Each scaled down to that norm; how many were.
int ClipNorms(double max_norm, Parameters x);

}  // namespace internal

template <class X>
void CheckPattern(std::string_view field, const std::string& pattern, const X& x) {
  if constexpr (NamedParameters<X>) {
    internal::CheckFits(field, pattern, x.parameters());
  } else if (pattern != "*") {
    internal::RefusePattern(field);
  }
}

// x ← a·x where the name fits.
template <InnerProductSpace X>
void ScaleFitting(const std::string& pattern, double a, X& x) {
  if constexpr (NamedParameters<X>) {
    if (pattern != "*") return internal::ScaleFitting(pattern, a, x.parameters());
  }
  scale(a, x);
}

// y ← y + a·x where the name fits.
template <InnerProductSpace X>
void AxpyFitting(const std::string& pattern, double a, const X& x, X& y) {
  if constexpr (NamedParameters<X>) {
    if (pattern != "*") return internal::AxpyFitting(pattern, a, x.parameters(), y.parameters());
  }
  axpy(a, x, y);
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_PARTS_H_
