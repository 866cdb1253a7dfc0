// Operations on some of the parameters of an element.
//
// A parameter is meant by its place, its index in `parameters()`. An element without names (a
// tensor, a toy space) is one parameter, which only the pattern `*` fits. Not thread-safe on one
// element.
#ifndef DESCENT_CORE_OPTIMIZER_PARTS_H_
#define DESCENT_CORE_OPTIMIZER_PARTS_H_

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/flat_parameters.h"
#include "core/optimizer/places.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

template <class X>
concept NamedParameters = FlatSpace<X> && requires(const X& x) {
  { x.parameters() } -> std::convertible_to<std::span<const Parameter>>;
};

// Give the places that are in a but not in b, and those that are in one of them.
Places Difference(const Places& a, const Places& b);
Places Union(const Places& a, const Places& b);

// A selection is some parameters, or all at once, which is a single operation on the flat memory.
struct Selection {
  bool everything = false;
  Places places = {};  // unless it is everything

  bool empty() const { return !everything && places.empty(); }
};

namespace internal {

using Parameters = std::span<const Parameter>;

Places Fitting(const std::string& pattern, bool fits, Parameters parameters);
void CheckFits(std::string_view field, const std::string& pattern, Parameters parameters);
[[noreturn]] void RefusePattern(std::string_view field);
void Scale(const Places& places, double a, Parameters x);
void Axpy(const Places& places, double a, Parameters x, Parameters y);
void Assign(const Places& places, Parameters x, Parameters y);
void Zero(const Places& places, Parameters x);
// Scales each parameter down to that norm, and gives how many it scaled.
int ClipNorms(double max_norm, Parameters x);

}  // namespace internal

// Selects the parameters whose names fit, but for those that are left out. Throws
// std::invalid_argument naming the field if none fits, so that it is found when a method is made.
template <class X>
Selection Select(std::string_view field, const std::string& pattern, const X& x,
                 const Places& left_out = {}) {
  if constexpr (NamedParameters<X>) {
    internal::CheckFits(field, pattern, x.parameters());
    if (pattern == "*" && left_out.empty()) return {.everything = true};
    return {.places = Difference(internal::Fitting(pattern, true, x.parameters()), left_out)};
  } else {
    if (pattern != "*") internal::RefusePattern(field);
    return {.everything = true};
  }
}

// Scales the selected parameters: x ← a·x.
template <InnerProductSpace X>
void ScaleSelected(const Selection& selection, double a, X& x) {
  if (selection.everything) return scale(a, x);
  if constexpr (NamedParameters<X>) internal::Scale(selection.places, a, x.parameters());
}

// Adds to the selected parameters: y ← y + a·x.
template <InnerProductSpace X>
void AxpySelected(const Selection& selection, double a, const X& x, X& y) {
  if (selection.everything) return axpy(a, x, y);
  if constexpr (NamedParameters<X>) {
    internal::Axpy(selection.places, a, x.parameters(), y.parameters());
  }
}

// Copies the parameters at these places: y ← x. Elements without names have none.
template <InnerProductSpace X>
void AssignAt(const Places& places, const X& x, X& y) {
  if constexpr (NamedParameters<X>) internal::Assign(places, x.parameters(), y.parameters());
}

// Sets the parameters at these places to 0.
template <InnerProductSpace X>
void ZeroAt(const Places& places, X& x) {
  if constexpr (NamedParameters<X>) internal::Zero(places, x.parameters());
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_PARTS_H_
