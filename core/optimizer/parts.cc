#include "core/optimizer/parts.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "absl/strings/str_cat.h"
#include "core/model/flat_parameters.h"
#include "core/model/pattern.h"
#include "core/optimizer/groups.h"
#include "core/space/number.h"
#include "core/text/utf8.h"

namespace descent::internal {
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

void ScaleFitting(const std::string& pattern, double a, Parameters x) {
  const BelowAutograd guard;
  for (const Parameter& p : x) {
    if (MatchesPattern(pattern, p.name)) p.tensor.mul_(a);
  }
}

void AxpyFitting(const std::string& pattern, double a, Parameters x, Parameters y) {
  const BelowAutograd guard;
  for (size_t i = 0; i < x.size(); ++i) {
    if (MatchesPattern(pattern, x[i].name)) y[i].tensor.add_(x[i].tensor, a);
  }
}

void AssignFitting(const std::string& pattern, bool fits, Parameters x, Parameters y) {
  const BelowAutograd guard;
  for (size_t i = 0; i < x.size(); ++i) {
    if (MatchesPattern(pattern, x[i].name) == fits) y[i].tensor.copy_(x[i].tensor);
  }
}

void ZeroFitting(const std::string& pattern, bool fits, Parameters x) {
  const BelowAutograd guard;
  for (const Parameter& p : x) {
    if (MatchesPattern(pattern, p.name) == fits) p.tensor.zero_();
  }
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

}  // namespace descent::internal
