#include "core/train/non_finite.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/isfinite.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/space/flat_space.h"

namespace descent {
namespace {

bool IsFinite(const at::Tensor& x) { return at::isfinite(x).all().item<bool>(); }

// Gives the norm also where the squares of its numbers are beyond its dtype.
double Norm(const at::Tensor& x) { return flat::norm(Buffers(&x, 1)); }

// Writes the numbers as Python and NumPy print them.
std::string Text(double value) { return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"; }

// True for `generator/solution/0.weight` and `solution/0.weight`, whatever comes before.
bool IsOfModel(std::string_view name) {
  for (const std::string_view space : {"solution/", "state/"}) {
    const size_t at = name.find(space);
    if (at == 0 || (at != std::string_view::npos && name[at - 1] == '/')) return true;
  }
  return false;
}

}  // namespace

std::string NonFiniteText(double value, const Model& gradient) {
  constexpr size_t kMostNames = 4;
  std::vector<std::string> names;
  std::pair<double, std::string> greatest;
  for (auto it = gradient.parameters().rbegin(); it != gradient.parameters().rend(); ++it) {
    if (!IsFinite(it->tensor)) names.push_back(it->name);
    greatest = std::max(greatest, {Norm(it->tensor), it->name});
  }
  std::vector<std::string> parts;
  if (!std::isfinite(value)) parts.push_back(absl::StrCat("the value is ", Text(value)));
  const size_t count = names.size();
  if (count == 1) {
    parts.push_back(absl::StrCat("the gradient of ", names[0], " is not finite"));
  } else if (count > 1) {
    if (count > kMostNames) names.resize(kMostNames);
    parts.push_back(absl::StrCat("the gradients of ", count, " of ", gradient.parameters().size(),
                                 " parameters are not finite, on the way back from the loss first ",
                                 "that of ", names[0], ", then ",
                                 absl::StrJoin(names.begin() + 1, names.end(), ", "),
                                 count > kMostNames ? ", …" : ""));
  } else if (!parts.empty()) {
    parts.push_back(absl::StrCat("though every gradient is finite; the greatest is that of ",
                                 greatest.second, ", of norm ", greatest.first));
  }
  return absl::StrJoin(parts, count == 0 ? ", " : " and ");
}

std::string NonFiniteTensor(const RunState& state) {
  for (const auto& [name, tensor] : state.tensors) {
    if (IsOfModel(name) && !IsFinite(tensor)) return name;
  }
  return "";
}

}  // namespace descent
