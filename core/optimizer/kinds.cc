#include "core/optimizer/kinds.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "core/optimizer/kind_of.h"

namespace descent {
namespace {

template <class Kind>
const Kind* Find(std::span<const Kind* const> kinds, std::string_view name) {
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind* k) { return k->name() == name; });
  return found == kinds.end() ? nullptr : *found;
}

auto* Concatenated(auto first, const auto&... others) {
  (first.insert(first.end(), others.begin(), others.end()), ...);
  return new decltype(first)(std::move(first));
}

}  // namespace

std::span<const OptimizerKind* const> OptimizerKinds() {
  static const auto* kinds =
      Concatenated(internal::InnerProductKinds(), internal::ElementwiseKinds(),
                   internal::AdamKinds(), internal::ParameterwiseKinds());
  return *kinds;
}

std::span<const WrapperKind* const> WrapperKinds() {
  static const auto* kinds =
      Concatenated(internal::GradientWrapperKinds(), internal::SolutionWrapperKinds());
  return *kinds;
}

const OptimizerKind* FindOptimizerKind(std::string_view name) {
  return Find(OptimizerKinds(), name);
}

const WrapperKind* FindWrapperKind(std::string_view name) { return Find(WrapperKinds(), name); }

}  // namespace descent
