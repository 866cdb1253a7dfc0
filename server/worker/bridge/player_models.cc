#include "server/worker/bridge/player_models.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/resolve.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

// What goes into a player's model, and from which term that is known.
struct Input {
  Shape shape = {};
  at::ScalarType dtype = at::kFloat;
  std::string from = {};
};

// Finds the shapes of what comes out of the models, term by term: the players' input shapes follow
// from the order in which terms go through them.
class ShapeFinder {
 public:
  ShapeFinder(Prepared* prepared, Violations* violations)
      : prepared_(prepared),
        violations_(violations),
        inputs_(prepared->players.size()),
        built_(prepared->players.size()) {}

  // Builds the models on the meta device; false if there are violations.
  bool Find() {
    bool progress = true;
    while (progress && violations_->empty()) {
      progress = false;
      for (int p = 0; p < Players(spec()); ++p) {
        const api::Player& player = spec().system().players(p);
        for (int t = 0; t < player.objective_size(); ++t) progress = Follow(p, t) || progress;
      }
    }
    for (int p = 0; p < Players(spec()) && violations_->empty(); ++p) {
      if (built_[p]) continue;
      violations_->Add(absl::StrCat(PlayerField(p), ".model"),
                       "No term goes through this player's model.", reason::kUnused);
    }
    return violations_->empty();
  }

  const Input& input(int player) const { return *inputs_[player]; }
  std::vector<BuiltModel> Take() {
    std::vector<BuiltModel> all;
    for (std::optional<BuiltModel>& one : built_) all.push_back(*std::move(one));
    return all;
  }

 private:
  const api::Spec& spec() const { return prepared_->spec; }

  at::ScalarType dtype() const { return ToDtype(spec().execution()); }

  // Gives whether something new was found out.
  bool Follow(int p, int t) {
    const api::PlayerTerm& term = spec().system().players(p).objective(t);
    const std::string field = absl::StrCat(PlayerField(p), ".objective[", t, "]");
    Input input{.from = field};
    if (term.has_noise()) {
      input.shape.assign(term.noise().shape().begin(), term.noise().shape().end());
      input.dtype = dtype();
    } else {
      const Dataset& train = prepared_->players[p].train;
      input.shape = ExampleShape(train.inputs);
      input.dtype = train.inputs.scalar_type();
    }
    bool progress = false;
    for (const std::string& name : term.through()) {
      const int q = FindPlayer(spec().system(), name);
      if (!inputs_[q]) {
        progress = true;
        inputs_[q] = input;
        if (!Build(q)) return progress;
      } else if (inputs_[q]->shape != input.shape || inputs_[q]->dtype != input.dtype) {
        violations_->Add(
            absl::StrCat(field, ".through"),
            absl::StrCat("The model of ", name, " would get ", ToString(input.shape), " here, but ",
                         ToString(inputs_[q]->shape), " by ", inputs_[q]->from, "."),
            reason::kShapeMismatch);
        return progress;
      }
      input.shape = built_[q]->output_shape;
      input.dtype = dtype();
    }
    return progress;
  }

  bool Build(int q) {
    api::Layer* model = prepared_->spec.mutable_system()->mutable_players(q)->mutable_model();
    const std::string field = absl::StrCat(PlayerField(q), ".model");
    if (!ResolveShapes(field, inputs_[q]->shape, inputs_[q]->dtype, dtype(), model, violations_)) {
      return false;
    }
    absl::StatusOr<BuiltModel> built = BuildModel({.root = ToLayerOptions(*model),
                                                   .input_shape = inputs_[q]->shape,
                                                   .input_dtype = inputs_[q]->dtype,
                                                   .dtype = dtype(),
                                                   .device = at::kMeta});
    if (!built.ok()) {
      violations_->Add(field, Sentence(built.status()), reason::kInvalidModel);
      return false;
    }
    if (built->parameters == 0) {
      violations_->Add(field, "It has no parameters: there is nothing to train.",
                       reason::kInvalidModel);
      return false;
    }
    built_[q] = *std::move(built);
    return true;
  }

  Prepared* prepared_;
  Violations* violations_;
  std::vector<std::optional<Input>> inputs_;
  std::vector<std::optional<BuiltModel>> built_;
};

}  // namespace

std::vector<BuiltModel> BuildPlayers(Prepared* prepared, Violations* violations) {
  ShapeFinder finder(prepared, violations);
  if (!finder.Find()) return {};
  for (int p = 0; p < Players(prepared->spec); ++p) {
    prepared->players[p].input_shape = finder.input(p).shape;
    prepared->players[p].input_dtype = finder.input(p).dtype;
  }
  return finder.Take();
}

}  // namespace descent::worker
