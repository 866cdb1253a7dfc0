#include "core/system/player_objective.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/full.h"
#include "ATen/ops/full_like.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "absl/strings/str_cat.h"
#include "core/data/random_seed.h"
#include "core/model/layers.h"
#include "core/model/pass.h"
#include "core/space/number.h"

namespace descent {
namespace {

// Running averages are a model's own: what others have it compute leaves them as they are.
class KeepStates {
 public:
  explicit KeepStates(const Model& model) : model_(model) {
    for (const Parameter& state : model.states()) kept_.push_back(state.tensor.clone());
  }
  ~KeepStates() {
    for (size_t i = 0; i < kept_.size(); ++i) model_.states()[i].tensor.copy_(kept_[i]);
  }
  KeepStates(const KeepStates&) = delete;
  KeepStates& operator=(const KeepStates&) = delete;

 private:
  const Model& model_;
  std::vector<at::Tensor> kept_;
};

}  // namespace

at::Tensor TermInputs(const PlayerTerm& term, const at::Tensor& batch_inputs, int64_t rows,
                      uint64_t seed, int64_t index, const at::TensorOptions& options) {
  if (!term.noise) return batch_inputs;
  std::vector<int64_t> sizes = term.noise->shape;
  sizes.insert(sizes.begin(), rows);
  // Noise is drawn on the CPU and in float32, so that it is the same on every device and, rounded,
  // in every dtype.
  const at::Generator generator =
      at::detail::createCPUGenerator(DeriveSeed(seed, "noise", static_cast<uint64_t>(index)));
  const at::TensorOptions drawn = at::TensorOptions(at::kFloat);
  const at::Tensor noise = term.noise->uniform ? at::rand(sizes, generator, drawn).mul_(2).sub_(1)
                                               : at::randn(sizes, generator, drawn);
  return noise.to(options);
}

at::Tensor TermValue(const PlayerTerm& term, const at::Tensor& predictions,
                     const at::Tensor& batch_inputs, const at::Tensor& batch_targets) {
  switch (term.target) {
    case TermTarget::kTargets:
      return term.loss(predictions, batch_targets);
    case TermTarget::kInputs:
      return term.loss(predictions, batch_inputs);
    case TermTarget::kConstant:
      break;
  }
  if (term.loss.predicts != Predicts::kClass) {
    return term.loss(predictions, at::full_like(predictions, term.constant));
  }
  return term.loss(predictions, at::full(predictions.sizes().slice(0, predictions.dim() - 1),
                                         static_cast<int64_t>(term.constant),
                                         predictions.options().dtype(at::kLong)));
}

std::vector<LossWeight> WeightsOf(const std::vector<PlayerTerm>& terms) {
  std::vector<LossWeight> weights;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (!terms[i].weight) continue;
    weights.push_back({.range = NonNegative(absl::StrCat("objective.", terms[i].name, ".weight")),
                       .sequence = *terms[i].weight,
                       .part = i});
  }
  return weights;
}

PlayerObjective::PlayerObjective(size_t player, std::shared_ptr<const std::vector<PlayerTerms>> all,
                                 bool summed, uint64_t seed, const Roster* roster)
    : player_(player),
      all_(std::move(all)),
      summed_(summed),
      seed_(seed),
      roster_(roster),
      dials_(WeightsOf((*all_)[player].terms)),
      batches_(all_->size()) {
  const std::vector<PlayerTerm>& own = (*all_)[player].terms;
  weights_.assign(own.size(), 1);
  values_.assign(own.size(), 0);
  for (const PlayerTerm& term : own) names_.push_back(absl::StrCat("objective.", term.name));
}

void PlayerObjective::seek(int64_t iteration) {
  if (iteration == iteration_) return;
  iteration_ = iteration;
  for (size_t p = 0; p < all_->size(); ++p) {
    const BatchProvider& batches = (*all_)[p].batches;
    if (batches && (summed_ || p == player_)) batches_[p] = batches(iteration);
  }
}

void PlayerObjective::weigh(std::span<const double> weights) {
  for (size_t i = 0; i < dials_.size(); ++i) weights_[dials_[i].part] = weights[i];
}

at::Tensor PlayerObjective::Through(size_t player, const Model& model, const at::Tensor& x) const {
  const Pass pass{.training = true, .iteration = iteration_};
  if (player == player_) return model(x, pass);
  const Model& other = roster_->solution(player);
  const KeepStates keep(other);
  return other(x, pass);
}

at::Tensor PlayerObjective::Value(size_t owner, size_t t, const Model& model) {
  const PlayerTerms& terms = (*all_)[owner];
  const PlayerTerm& term = terms.terms[t];
  const Batch& batch = batches_[owner];
  const int64_t rows = batch.inputs.defined() ? batch.inputs.size(0) : terms.batch_size;
  at::Tensor x =
      TermInputs(term, batch.inputs, rows,
                 DeriveSeed(seed_, absl::StrCat("noise/", terms.player, "/", term.name), 0),
                 iteration_, model.parameters()[0].tensor.options());
  for (const size_t p : term.through) x = Through(p, model, x);
  return TermValue(term, x, batch.inputs, batch.targets);
}

at::Tensor PlayerObjective::operator()(const Model& model) {
  at::Tensor sum;
  for (size_t owner = 0; owner < all_->size(); ++owner) {
    if (owner != player_ && !summed_) continue;
    for (size_t t = 0; t < (*all_)[owner].terms.size(); ++t) {
      const at::Tensor value = Value(owner, t, model);
      double weight;
      if (owner == player_) {
        values_[t] = Number(value);
        weight = weights_[t];
      } else {
        weight = roster_->weight(owner, t);
      }
      const at::Tensor share = (*all_)[owner].terms[t].weight ? value * weight : value;
      sum = sum.defined() ? sum + share : share;
    }
  }
  return sum;
}

void PlayerObjective::Report(const Reporter& report) const {
  if (names_.size() == 1 && dials_.empty()) return;
  for (size_t i = 0; i < names_.size(); ++i) report(names_[i], values_[i]);
}

}  // namespace descent
