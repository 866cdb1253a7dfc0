#include "core/optimizer/parts.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "absl/strings/str_cat.h"
#include "core/model/flat_parameters.h"
#include "core/model/pattern.h"
#include "core/space/number.h"
#include "core/text/utf8.h"

namespace descent {

Places Difference(const Places& a, const Places& b) {
  Places result;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
  return result;
}

Places Union(const Places& a, const Places& b) {
  Places result;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
  return result;
}

namespace internal {
namespace {

using BelowAutograd = at::AutoDispatchBelowADInplaceOrView;

}  // namespace

void CheckFits(std::string_view field, const std::string& pattern, Parameters parameters) {
  const bool fits = std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) {
    return MatchesPattern(pattern, p.name);
  });
  if (fits) return;
  throw std::invalid_argument(absl::StrCat(std::string(field), ": no parameter fits \"",
                                           ShortUtf8(pattern, 100), "\"; they are called `",
                                           parameters.front().name, "` and so on"));
}

void RefusePattern(std::string_view field) {
  throw std::invalid_argument(absl::StrCat(
      std::string(field), ": this solution is no model, its parameters have no names; give \"*\""));
}

Places Fitting(const std::string& pattern, bool fits, Parameters parameters) {
  Places places;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (MatchesPattern(pattern, parameters[i].name) == fits) places.push_back(i);
  }
  return places;
}

void Scale(const Places& places, double a, Parameters x) {
  const BelowAutograd guard;
  for (const size_t i : places) x[i].tensor.mul_(a);
}

void Axpy(const Places& places, double a, Parameters x, Parameters y) {
  const BelowAutograd guard;
  for (const size_t i : places) y[i].tensor.add_(x[i].tensor, a);
}

void Assign(const Places& places, Parameters x, Parameters y) {
  const BelowAutograd guard;
  for (const size_t i : places) y[i].tensor.copy_(x[i].tensor);
}

void Zero(const Places& places, Parameters x) {
  const BelowAutograd guard;
  for (const size_t i : places) x[i].tensor.zero_();
}

int ClipNorms(double max_norm, Parameters x) {
  const BelowAutograd guard;
  int clipped = 0;
  for (const Parameter& p : x) {
    const double norm = Number(at::linalg_vector_norm(p.tensor));
    if (!(norm > max_norm)) continue;
    p.tensor.mul_(max_norm / norm);
    ++clipped;
  }
  return clipped;
}

}  // namespace internal
}  // namespace descent
