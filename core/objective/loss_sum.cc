#include "core/objective/loss_sum.h"

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/objective/loss.h"
#include "core/objective/penalty.h"
#include "core/sequence/range.h"
#include "core/space/number.h"

namespace descent {

std::vector<std::string> LossSum::part_names() const {
  std::vector<std::string> names;
  for (const LossTerm& term : terms) {
    names.push_back(absl::StrCat("objective.", term.weight ? "sum." : "", term.name));
  }
  std::map<std::string, int> seen;
  for (const Penalty& penalty : penalties) {
    const std::string name = absl::StrCat("objective.penalties.", penalty.name);
    const int count = ++seen[name];
    names.push_back(count == 1 ? name : absl::StrCat(name, "_", count));
  }
  return names;
}

std::vector<LossWeight> LossSum::weights() const {
  const std::vector<std::string> names = part_names();
  std::vector<LossWeight> weights;
  for (size_t i = 0; i < parts(); ++i) {
    const bool term = i < terms.size();
    if (term && !terms[i].weight) continue;
    weights.push_back({.range = NonNegative(absl::StrCat(names[i], ".weight")),
                       .sequence = term ? *terms[i].weight : penalties[i - terms.size()].weight,
                       .part = i});
  }
  return weights;
}

absl::Status LossSum::Validate() const {
  std::set<std::string> names;
  for (const LossTerm& term : terms) {
    if (names.insert(term.name).second) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("two terms of the sum are called `", term.name, "`; give them names"));
  }
  for (const LossWeight& weight : weights()) {
    if (absl::Status s = weight.sequence.Validate(weight.range); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status LossSum::CheckShapes(const Shape& output, const Shape& target) const {
  for (const LossTerm& term : terms) {
    if (absl::Status s = term.loss.CheckShapes(output, target); !s.ok()) return s;
  }
  return absl::OkStatus();
}

at::Tensor LossSum::Value(const at::Tensor& predictions, const at::Tensor& targets,
                          std::span<const double> weights, std::span<double> values) const {
  at::Tensor sum;
  for (size_t i = 0; i < terms.size(); ++i) {
    const at::Tensor value = terms[i].loss(predictions, targets);
    if (!values.empty()) values[i] = Number(value);
    const at::Tensor share = terms[i].weight ? value * weights[i] : value;
    sum = sum.defined() ? sum + share : share;
  }
  return sum;
}

}  // namespace descent
