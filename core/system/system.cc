#include "core/system/system.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "c10/util/Exception.h"
#include "core/data/random_seed.h"
#include "core/space/number.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

// The batch size of evaluations; the last batch may be smaller.
constexpr int64_t kEvaluationBatch = 1024;

absl::Status In(const std::string& player, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("player ", player, ": ", status.message()));
}

size_t Size(const RunState& state) {
  return state.tensors.size() + state.numbers.size() + state.integers.size();
}

}  // namespace

RunState PlayerState(const RunState& state, const std::string& player) {
  const std::string prefix = player + "/";
  RunState part;
  const auto take = [&](const auto& from, auto& to) {
    for (const auto& [name, value] : from) {
      if (name.starts_with(prefix)) to.emplace_back(name.substr(prefix.size()), value);
    }
  };
  take(state.tensors, part.tensors);
  take(state.numbers, part.numbers);
  take(state.integers, part.integers);
  return part;
}

// The runs are made one after the other, each with an objective that will ask for all of them.
class System::PresentSolutions final : public Roster {
 public:
  explicit PresentSolutions(System* system) : system_(system) {}

  const Model& solution(size_t player) const override { return system_->runs_[player]->solution(); }

  double weight(size_t player, size_t term) const override {
    const PlayerTerm& asked = (*system_->terms_)[player].terms[term];
    const std::string name = absl::StrCat("objective.", asked.name, ".weight");
    for (const Dial* dial : system_->runs_[player]->dials()) {
      if (dial->name == name) return dial->sequence.value();
    }
    return 1;
  }

 private:
  System* const system_;
};

absl::StatusOr<std::unique_ptr<System>> System::Create(SystemOptions options) {
  if (options.players.empty()) {
    return absl::InvalidArgumentError("players: give at least one");
  }
  std::set<std::string> names;
  for (const PlayerOptions& player : options.players) {
    const std::string& name = player.terms.player;
    if (name.empty() || name.find('/') != std::string::npos || !names.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("players: each needs a name of its own, without `/`, not `", name, "`"));
    }
    if (player.terms.terms.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("player ", name, ": the objective has no terms; give at least one"));
    }
    std::set<std::string> terms;
    for (const PlayerTerm& term : player.terms.terms) {
      if (!terms.insert(term.name).second) {
        return absl::InvalidArgumentError(absl::StrCat("player ", name, ": two terms are called `",
                                                       term.name, "`; give them names"));
      }
      const bool known = std::all_of(term.through.begin(), term.through.end(),
                                     [&](size_t p) { return p < options.players.size(); });
      if (term.through.empty() || !known) {
        return absl::InvalidArgumentError(absl::StrCat("player ", name, ": term `", term.name,
                                                       "`: give the players that it goes through"));
      }
      if (term.reads_data() && !player.terms.batches) {
        return absl::InvalidArgumentError(absl::StrCat("player ", name, ": term `", term.name,
                                                       "` reads data, and there are none"));
      }
    }
  }
  std::unique_ptr<System> system = absl::WrapUnique(new System(options));
  for (size_t p = 0; p < options.players.size(); ++p) {
    absl::StatusOr<std::unique_ptr<ModelRun>> run = ModelRun::Create(
        options.players[p].optimizer, *options.players[p].starting_point,
        PlayerObjective(p, system->terms_, options.summed, options.seed, system->roster_.get()));
    if (!run.ok()) return In(system->name(p), run.status());
    system->runs_.push_back(*std::move(run));
  }
  return system;
}

System::System(const SystemOptions& options)
    : turns_(options.turns), summed_(options.summed), seed_(options.seed) {
  auto terms = std::make_shared<std::vector<PlayerTerms>>();
  for (const PlayerOptions& player : options.players) terms->push_back(player.terms);
  terms_ = std::move(terms);
  roster_ = std::make_unique<PresentSolutions>(this);
}

System::~System() = default;

std::vector<double> System::Weights() const {
  std::vector<double> weights;
  for (size_t p = 0; p < terms_->size(); ++p) {
    for (size_t t = 0; t < (*terms_)[p].terms.size(); ++t) {
      weights.push_back(roster_->weight(p, t));
    }
  }
  return weights;
}

absl::Status System::Move() {
  // In a summed system another player's weight may have been turned, which this player's run knows
  // nothing of.
  const bool turned = summed_ && Weights() != weights_;
  for (size_t p = 0; p < runs_.size(); ++p) {
    const bool others_moved = turns_ == Turns::kAlternating && p > 0;
    if (absl::Status status = runs_[p]->move(others_moved || turned); !status.ok()) {
      return In(name(p), status);
    }
  }
  marked_ = false;
  return absl::OkStatus();
}

absl::StatusOr<System::View> System::current() {
  if (marked_) {
    if (absl::Status status = Move(); !status.ok()) return status;
  }
  views_.clear();
  double value = 0, squares = 0;
  for (size_t p = 0; p < runs_.size(); ++p) {
    absl::StatusOr<ModelRun::View> view = runs_[p]->current();
    if (!view.ok()) return In(name(p), view.status());
    value = summed_ ? view->value : value + view->value;
    squares += view->gradient_norm * view->gradient_norm;
    views_.push_back(*view);
  }
  if (summed_) weights_ = Weights();
  double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {  // finite numbers may have squares that are not
    norm = 0;
    for (const ModelRun::View& view : views_) norm = std::hypot(norm, view.gradient_norm);
  }
  return View{views_[0].index, value, norm, views_};
}

absl::Status System::advance() {
  if (absl::StatusOr<View> view = current(); !view.ok()) return view.status();
  for (size_t p = 0; p < runs_.size(); ++p) {
    if (absl::Status status = runs_[p]->advance(); !status.ok()) return In(name(p), status);
  }
  marked_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::optional<double>>> System::Evaluate(
    std::span<const std::pair<at::Tensor, at::Tensor>> data) try {
  absl::StatusOr<View> view = current();
  if (!view.ok()) return view.status();
  const at::NoGradGuard no_graph;
  std::vector<std::optional<double>> values(runs_.size());
  for (size_t p = 0; p < runs_.size(); ++p) {
    const auto& [inputs, targets] = data[p];
    const bool reads = std::ranges::any_of((*terms_)[p].terms, &PlayerTerm::reads_data);
    if (reads && !inputs.defined()) continue;
    const at::TensorOptions options = view->players[p].solution.parameters()[0].tensor.options();
    const int64_t examples = inputs.defined() ? inputs.size(0) : kEvaluationBatch;
    double value = 0;
    for (const PlayerTerm& term : (*terms_)[p].terms) {
      const size_t t = static_cast<size_t>(&term - (*terms_)[p].terms.data());
      const double weight = term.weight ? roster_->weight(p, t) : 1;
      const uint64_t seed =
          DeriveSeed(seed_, absl::StrCat("evaluation/", name(p), "/", term.name), 0);
      double sum = 0, divisor = 0;
      for (int64_t first = 0; first < examples; first += kEvaluationBatch) {
        const int64_t count = std::min(kEvaluationBatch, examples - first);
        Batch batch;
        if (inputs.defined()) {
          batch = {inputs.narrow(0, first, count).to(options.device()),
                   targets.narrow(0, first, count).to(options.device())};
        }
        at::Tensor x =
            TermInputs(term, batch.inputs, count, seed, first / kEvaluationBatch, options);
        for (const size_t q : term.through) x = view->players[q].average(x);
        sum += Number(TermValue(term, x, batch.inputs, batch.targets)) * static_cast<double>(count);
        divisor += static_cast<double>(count);
      }
      value += weight * sum / divisor;
    }
    values[p] = value;
  }
  return values;
} catch (const std::exception& error) {
  return absl::InvalidArgumentError(
      absl::StrCat("the system can't be evaluated: ", ExceptionText(error)));
}

RunState System::Save() {
  RunState state;
  for (size_t p = 0; p < runs_.size(); ++p) {
    const std::string prefix = name(p) + "/";
    const auto add = [&](auto from, auto& to) {
      for (auto& [name, value] : from) to.emplace_back(prefix + name, value);
    };
    RunState part = runs_[p]->Save();
    add(std::move(part.tensors), state.tensors);
    add(std::move(part.numbers), state.numbers);
    add(std::move(part.integers), state.integers);
  }
  return state;
}

absl::Status System::Load(const RunState& state) {
  size_t taken = 0;
  for (size_t p = 0; p < runs_.size(); ++p) taken += Size(PlayerState(state, name(p)));
  if (taken != Size(state)) {
    return absl::InvalidArgumentError("the saved state: it has parts of no player of this system");
  }
  for (size_t p = 0; p < runs_.size(); ++p) {
    absl::Status status = runs_[p]->Load(PlayerState(state, name(p)));
    if (!status.ok()) return In(name(p), status);
  }
  marked_ = false;
  return absl::OkStatus();
}

}  // namespace descent
