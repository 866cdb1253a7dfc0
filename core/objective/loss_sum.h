// A `LossSum` is what a supervised objective is made of: one loss, or a weighted sum of losses of
// the same predictions and targets; and penalties on the parameters.
//
//   LossSum plain = Huber{};
//   LossSum sum({{"near", Huber{}, 0.5}, {"far", MeanAbsoluteError{}, 0.5}},
//               {MakePenalty(L2Penalty{.weight = 1e-4})});
//
// A part is a term of a sum or a penalty, without its weight; each weight is a sequence.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_SUM_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_SUM_H_

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/model/layer.h"
#include "core/objective/loss.h"
#include "core/objective/penalty.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

struct LossTerm {
  std::string name;  // `near`; unique
  Loss loss;
  // Each number is ≥ 0. Without a sequence the weight is 1 for ever, and no dial.
  std::optional<Sequence> weight = {};
};

// A weight as a hyperparameter.
struct LossWeight {
  Range range;  // with its name: `objective.sum.near.weight`, `objective.penalties.l2.weight`
  Sequence sequence;
  size_t part;  // the part that it is the weight of
};

// A value; any thread.
struct LossSum {
  std::vector<LossTerm> terms;  // at least one
  std::vector<Penalty> penalties = {};

  explicit LossSum(std::vector<LossTerm> all, std::vector<Penalty> on_parameters = {})
      : terms(std::move(all)), penalties(std::move(on_parameters)) {}
  // Not explicit, so that `SupervisedObjective(Huber{}, batches)` is possible.
  template <class L>
    requires std::convertible_to<L, Loss>
  LossSum(L loss) {  // NOLINT(google-explicit-constructor)
    Loss only = std::move(loss);
    std::string name = only.name;
    terms.push_back({std::move(name), std::move(only)});
  }

  // True for one loss and nothing else: then there is nothing to tell of its parts.
  bool plain() const { return penalties.empty() && terms.size() == 1 && !terms[0].weight; }
  // The number of parts: terms, then penalties.
  size_t parts() const { return terms.size() + penalties.size(); }
  // Gives names such as `objective.sum.near` and `objective.penalties.l2`; several penalties of a
  // kind are `objective.penalties.l2`, `objective.penalties.l2_2` and so on. A term without a
  // weight is `objective.huber`.
  std::vector<std::string> part_names() const;
  std::vector<LossWeight> weights() const;

  // Gives INVALID_ARGUMENT naming the weight that is out of its range, or the term that is there
  // twice.
  absl::Status Validate() const;
  // Gives INVALID_ARGUMENT of the first term that does not go with such shapes (Loss::CheckShapes).
  absl::Status CheckShapes(const Shape& output, const Shape& target) const;

  // Gives the sum of the terms (not the penalties), each times its weight, and writes into
  // `values`, if asked for, the terms' values without it.
  at::Tensor Value(const at::Tensor& predictions, const at::Tensor& targets,
                   std::span<const double> weights, std::span<double> values = {}) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_SUM_H_
