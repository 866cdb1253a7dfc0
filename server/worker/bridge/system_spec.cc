#include "server/worker/bridge/system_spec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/data/random_seed.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/sequence_spec.h"

namespace descent::worker {
namespace {

bool TermReadsData(const api::PlayerTerm& term) {
  return !term.has_noise() || term.target_case() != api::PlayerTerm::kConstant;
}

// Gives the loss that decides what the targets of its data are: that of the first term with
// targets.
api::Objective TargetsLoss(const api::Player& player) {
  for (const api::PlayerTerm& term : player.objective()) {
    if (HasTargets(term)) return term.loss();
  }
  return {};
}

}  // namespace

bool HasTargets(const api::PlayerTerm& term) {
  return term.target_case() == api::PlayerTerm::TARGET_NOT_SET;
}

const api::Data& PlayerData(const api::Spec& spec, int p) {
  const api::Player& player = spec.system().players(p);
  return player.has_data() ? player.data() : spec.data();
}

std::string PlayerField(int player) { return absl::StrCat("system.players[", player, "]"); }

api::Spec PlayerSpec(const api::Spec& spec, int p) {
  const api::Player& player = spec.system().players(p);
  api::Spec own = spec;
  own.clear_system();
  *own.mutable_model() = player.model();
  *own.mutable_objective() = TargetsLoss(player);
  *own.mutable_optimizer() = player.optimizer();
  if (player.has_data()) *own.mutable_data() = player.data();
  return own;
}

api::Spec PlayerDataSpec(const api::Spec& spec, int p) {
  api::Spec own = PlayerSpec(spec, p);
  for (const api::PlayerTerm& term : spec.system().players(p).objective()) {
    if (term.has_noise()) continue;
    const int first = FindPlayer(spec.system(), term.through(0));
    *own.mutable_model() = spec.system().players(first).model();
    break;
  }
  return own;
}

api::Spec PlayerUseSpec(const api::Spec& spec, int p) {
  api::Spec own = PlayerSpec(spec, p);
  const std::string& name = spec.system().players(p).name();
  own.mutable_objective()->mutable_mean_squared_error();
  bool reads = false;
  for (const api::Player& player : spec.system().players()) {
    for (const api::PlayerTerm& term : player.objective()) {
      if (*term.through().rbegin() == name) *own.mutable_objective() = term.loss();
      if (!term.has_noise() && term.through(0) == name) {
        reads = true;
        if (player.has_data()) *own.mutable_data() = player.data();
      }
    }
  }
  if (!reads) own.clear_data();
  return own;
}

int OwnerOfTargets(const api::Spec& spec, int player) {
  const std::string& name = spec.system().players(player).name();
  for (int p = 0; p < Players(spec); ++p) {
    for (const api::PlayerTerm& term : spec.system().players(p).objective()) {
      if (HasTargets(term) && *term.through().rbegin() == name) return p;
    }
  }
  return -1;
}

int FindPlayer(const api::System& system, const std::string& name) {
  for (int i = 0; i < system.players_size(); ++i) {
    if (system.players(i).name() == name) return i;
  }
  return -1;
}

bool ReadsData(const api::Player& player) {
  return std::any_of(player.objective().begin(), player.objective().end(), TermReadsData);
}

std::string PlayerDataField(const api::Spec& spec, int player) {
  return spec.system().players(player).has_data() ? absl::StrCat(PlayerField(player), ".data")
                                                  : "data";
}

PlayerTerms ToPlayerTerms(const api::Spec& spec, int p) {
  const api::Player& player = spec.system().players(p);
  PlayerTerms terms{.player = player.name(),
                    .terms = {},
                    .batches = {},
                    .batch_size = PlayerSpec(spec, p).data().batch_size()};
  for (const api::PlayerTerm& given : player.objective()) {
    PlayerTerm term{.name = given.name(), .through = {}, .loss = ToLoss(given.loss())};
    if (given.has_noise()) {
      term.noise = Noise{.shape = {given.noise().shape().begin(), given.noise().shape().end()},
                         .uniform = given.noise().distribution() == api::Noise::UNIFORM};
    }
    for (const std::string& name : given.through()) {
      term.through.push_back(static_cast<size_t>(FindPlayer(spec.system(), name)));
    }
    if (given.target_case() == api::PlayerTerm::kConstant) {
      term.target = TermTarget::kConstant;
      term.constant = given.constant();
    } else if (given.target_case() == api::PlayerTerm::kInputs) {
      term.target = TermTarget::kInputs;
    }
    if (given.has_weight()) term.weight = ToSequence(given.weight());
    terms.terms.push_back(std::move(term));
  }
  return terms;
}

Turns ToTurns(const api::System& system) {
  return system.turns() == api::System::JOINT ? Turns::kJoint : Turns::kAlternating;
}

uint64_t PlayerSeed(const api::Spec& spec, int player) {
  return DeriveSeed(spec.seed(), absl::StrCat("player/", spec.system().players(player).name()), 0);
}

}  // namespace descent::worker
