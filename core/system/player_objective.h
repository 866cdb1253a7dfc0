// `PlayerObjective` is what a player of a system minimizes: a weighted sum of terms, each a loss of
// what comes out of one or several players' models, in order. A generative adversarial network
// (Goodfellow et al. 2014, with the generator's non-saturating loss) is two players:
//
//   discriminator:  bce(discriminator(data), 1) + bce(discriminator(generator(noise)), 0)
//   generator:      bce(discriminator(generator(noise)), 1)
//
// The other players' models are as they stand; only the player's own is differentiated.
#ifndef DESCENT_CORE_SYSTEM_PLAYER_OBJECTIVE_H_
#define DESCENT_CORE_SYSTEM_PLAYER_OBJECTIVE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"
#include "core/objective/loss_sum.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/method.h"
#include "core/sequence/sequence.h"

namespace descent {

// Independent numbers, drawn anew in each iteration: a function of seed, term and iteration.
struct Noise {
  Shape shape;           // of one example
  bool uniform = false;  // in [−1, 1); else standard normal
};

// What the loss compares with.
enum class TermTarget : uint8_t {
  kTargets,   // the batch's targets
  kInputs,    // the batch's inputs (an autoencoder)
  kConstant,  // the same number, or class, for each prediction
};

struct PlayerTerm {
  std::string name;  // `real`; unique within the player
  // What goes in: noise, or the inputs of the player's batch.
  std::optional<Noise> noise = {};
  // The players whose models it goes through, by their places in the system; at least one.
  std::vector<size_t> through;
  Loss loss;
  TermTarget target = TermTarget::kTargets;
  double constant = 0;
  // Each number is ≥ 0. Without a sequence the weight is 1 for ever, and no dial.
  std::optional<Sequence> weight = {};

  bool reads_data() const { return !noise || target != TermTarget::kConstant; }
};

// A player's terms and where its examples come from.
struct PlayerTerms {
  std::string player;  // its name
  std::vector<PlayerTerm> terms;
  // The batches; empty if no term reads data.
  BatchProvider batches = {};
  // How many examples of noise there are where the player has no batches, ≥ 1.
  int64_t batch_size = 1;
};

// The models of the others as they stand, by their places.
class Roster {
 public:
  virtual ~Roster() = default;
  virtual const Model& solution(size_t player) const = 0;
  // The weight of a term of that player, of the iteration that stands.
  virtual double weight(size_t player, size_t term) const = 0;
};

// Gives `rows` examples for a term, from the noise or the batch.
at::Tensor TermInputs(const PlayerTerm& term, const at::Tensor& batch_inputs, int64_t rows,
                      uint64_t seed, int64_t index, const at::TensorOptions& options);
// Gives the value of a term whose predictions are there.
at::Tensor TermValue(const PlayerTerm& term, const at::Tensor& predictions,
                     const at::Tensor& batch_inputs, const at::Tensor& batch_targets);

// Gives the weights that are dials: `objective.real.weight`.
std::vector<LossWeight> WeightsOf(const std::vector<PlayerTerm>& terms);

// A stochastic objective over the model of one player. Movable; not thread-safe. `roster` lives at
// least as long. `all` are the terms of every player, of which only the player's own count or, if
// `summed`, all.
class PlayerObjective {
 public:
  PlayerObjective(size_t player, std::shared_ptr<const std::vector<PlayerTerms>> all, bool summed,
                  uint64_t seed, const Roster* roster);

  void seek(int64_t iteration);
  at::Tensor operator()(const Model& model);

  const std::vector<LossWeight>& dials() const { return dials_; }
  void weigh(std::span<const double> weights);
  // The weights of the player's own terms.
  std::span<const double> weights() const { return weights_; }
  // Reports each own term's value without its weight, if there are several.
  void Report(const Reporter& report) const;

 private:
  at::Tensor Value(size_t owner, size_t term, const Model& model);
  at::Tensor Through(size_t player, const Model& model, const at::Tensor& x) const;

  size_t player_;
  std::shared_ptr<const std::vector<PlayerTerms>> all_;
  bool summed_;
  uint64_t seed_;
  const Roster* roster_;
  std::vector<LossWeight> dials_;
  std::vector<std::string> names_;
  std::vector<double> weights_, values_;
  int64_t iteration_ = -1;
  std::vector<Batch> batches_;  // by player, for the iteration
};

}  // namespace descent

#endif  // DESCENT_CORE_SYSTEM_PLAYER_OBJECTIVE_H_
