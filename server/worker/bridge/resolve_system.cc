#include "server/worker/bridge/resolve_system.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"
#include "core/text/utf8.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/field_reader.h"
#include "server/worker/bridge/model_spec.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/optimizer_spec.h"
#include "server/worker/bridge/sequence_spec.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

constexpr int kMaxPlayers = 100;
constexpr int kMaxTerms = 100;
constexpr int64_t kMaxNoise = int64_t{1} << 31;

// Adds what other checks found under `data`, `optimizer`, …, as the player's.
void AddUnder(const std::string& prefix, const Violations& found, Violations* violations) {
  for (const Violation& violation : found.list()) {
    violations->Add(absl::StrCat(prefix, ".", violation.field), violation.description,
                    violation.reason);
  }
}

// Refuses what belongs to one model alone.
void CheckNothingElse(const api::Spec& spec, Violations* violations) {
  const auto refuse = [&](bool given, const char* field) {
    if (!given) return;
    violations->Add(field, absl::StrCat("Leave it out: each player of the system has its own."),
                    reason::kConflict);
  };
  refuse(spec.has_model(), "model");
  refuse(spec.has_objective(), "objective");
  refuse(spec.has_optimizer(), "optimizer");
  if (!spec.evaluation().metrics().empty()) {
    violations->Add("evaluation.metrics",
                    "Leave them out: of a system each player's objective is evaluated.",
                    reason::kUnsupported);
  }
}

void ResolveNoise(const std::string& path, api::Noise* noise, Violations* violations) {
  int64_t numbers = 1;
  for (const int64_t size : noise->shape()) {
    if (size < 1 || __builtin_mul_overflow(numbers, size, &numbers) || numbers > kMaxNoise) {
      violations->Add(absl::StrCat(path, ".shape"),
                      "Give sizes ≥ 1, and not more than 2^31 numbers in all.",
                      reason::kOutOfRange);
      return;
    }
  }
  if (noise->shape().empty()) {
    violations->Add(absl::StrCat(path, ".shape"), "Give the shape of one example, such as [16].",
                    reason::kMissingField);
  }
  if (!noise->has_distribution()) noise->set_distribution(api::Noise::NORMAL);
  if (noise->distribution() != api::Noise::NORMAL && noise->distribution() != api::Noise::UNIFORM) {
    violations->Add(absl::StrCat(path, ".distribution"), "It must be NORMAL or UNIFORM.",
                    reason::kOutOfRange);
  }
}

void ResolveTarget(const std::string& path, api::PlayerTerm* term, Violations* violations) {
  if (term->target_case() == api::PlayerTerm::kInputs && !term->inputs()) term->clear_target();
  if (term->target_case() != api::PlayerTerm::kConstant) return;
  const Loss loss = ToLoss(term->loss());
  const double constant = term->constant();
  absl::Status status;
  if (loss.predicts == Predicts::kClass) {
    // Beyond 2^53 a double has not all whole numbers.
    if (!(constant >= 0 && constant <= 9007199254740992.0) || constant != std::floor(constant)) {
      status = absl::OutOfRangeError("a class is a whole number ≥ 0");
    }
  } else if (loss.target_range) {
    status = loss.target_range->Check(constant);
  } else if (!std::isfinite(constant)) {
    status = absl::OutOfRangeError("give a finite number");
  }
  if (status.ok()) return;
  violations->Add(absl::StrCat(path, ".constant"),
                  absl::StrCat("It is ", constant, ": ", std::string(status.message()), "."),
                  reason::kOutOfRange);
}

void ResolveTerm(const api::System& system, const api::Player& player, const std::string& path,
                 api::PlayerTerm* term, Violations* violations) {
  if (!ResolveTermLoss(absl::StrCat(path, ".loss"), term->mutable_loss(), violations)) return;
  if (!term->has_name()) term->set_name(KindOf(term->loss()));
  CheckName(absl::StrCat(path, ".name"), term->name(), violations);
  if (term->has_noise()) {
    ResolveNoise(absl::StrCat(path, ".noise"), term->mutable_noise(), violations);
  }
  if (term->through().empty()) term->add_through(player.name());
  for (int i = 0; i < term->through_size(); ++i) {
    if (FindPlayer(system, term->through(i)) >= 0) continue;
    violations->Add(absl::StrCat(path, ".through[", i, "]"),
                    absl::StrCat("No player is called \"", ShortUtf8(term->through(i), 100), "\"."),
                    reason::kUnknownName);
  }
  ResolveTarget(path, term, violations);
  if (term->has_weight()) {
    ReadSequence(NonNegative("weight"), absl::StrCat(path, ".weight"), term->mutable_weight(),
                 violations);
  }
}

void ResolveTerms(const api::System& system, const std::string& path, api::Player* player,
                  Violations* violations) {
  if (player->objective().empty() || player->objective_size() > kMaxTerms) {
    violations->Add(absl::StrCat(path, ".objective"),
                    absl::StrCat("Give from 1 to ", kMaxTerms, " terms, each with a loss."),
                    reason::kMissingField);
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < player->objective_size(); ++i) {
    const std::string term = absl::StrCat(path, ".objective[", i, "]");
    ResolveTerm(system, *player, term, player->mutable_objective(i), violations);
    if (names.insert(player->objective(i).name()).second) continue;
    violations->Add(
        absl::StrCat(term, ".name"),
        absl::StrCat("Two terms are called \"", ShortUtf8(player->objective(i).name(), 100),
                     "\": give them different names."),
        reason::kDuplicateName);
  }
}

void ResolvePlayer(const api::Spec& spec, int p, api::Player* player, Violations* violations) {
  const std::string path = PlayerField(p);
  if (!player->has_model()) {
    violations->Add(absl::StrCat(path, ".model"), "Give the model.", reason::kMissingField);
  } else {
    ResolveLayers(absl::StrCat(path, ".model"), player->mutable_model(), violations);
  }
  ResolveTerms(spec.system(), path, player, violations);
  Violations found;
  ResolveOptimizer(player->mutable_optimizer(), &found);
  AddUnder(path, found, violations);
}

bool ComparesTargets(const api::Player& player) {
  return std::any_of(player.objective().begin(), player.objective().end(), HasTargets);
}

// Checks that all who compare something with normalized targets can, and that what comes out of a
// model is brought back to the targets' units in one way.
void CheckNormalizedTargets(const api::Spec& spec, Violations* violations) {
  std::map<std::string, int> owners;  // by the player whose model's outputs are compared
  for (int p = 0; p < Players(spec); ++p) {
    const api::Player& player = spec.system().players(p);
    const std::string field = PlayerDataField(spec, p) + ".target_normalization";
    for (const api::PlayerTerm& term : player.objective()) {
      if (!HasTargets(term)) continue;
      const bool normalized = PlayerData(spec, p).has_target_normalization();
      if (normalized && ToLoss(term.loss()).predicts != Predicts::kValues) {
        violations->Add(field,
                        absl::StrCat("The term ", term.name(), " of ", player.name(),
                                     " compares with classes or probabilities, not to be "
                                     "normalized."),
                        reason::kConflict);
      }
      const std::string& last = *term.through().rbegin();
      const int owner = owners.emplace(last, p).first->second;
      if (PlayerDataField(spec, owner) == PlayerDataField(spec, p)) continue;
      if (!normalized && !PlayerData(spec, owner).has_target_normalization()) continue;
      violations->Add(field,
                      absl::StrCat("What comes out of the model of ", last,
                                   " is compared with these targets and with those of ",
                                   PlayerDataField(spec, owner), ": normalize neither."),
                      reason::kConflict);
    }
  }
}

void ResolvePlayersData(api::Spec* spec, Violations* violations) {
  // Of those who share the data, one that knows what the targets are.
  int sharer = -1;
  bool has_test = false;
  for (int p = 0; p < Players(*spec); ++p) {
    api::Player* player = spec->mutable_system()->mutable_players(p);
    const api::Data& data = PlayerData(*spec, p);
    has_test = has_test || (ReadsData(*player) && (data.has_test() || data.has_split()));
    if (!player->has_data()) {
      const bool knows = sharer >= 0 && ComparesTargets(spec->system().players(sharer));
      if (ReadsData(*player) && (sharer < 0 || (!knows && ComparesTargets(*player)))) sharer = p;
      continue;
    }
    api::Spec own = PlayerSpec(*spec, p);
    Violations found;
    ResolveData(&own, &found);
    *player->mutable_data() = own.data();
    AddUnder(PlayerField(p), found, violations);
  }
  if (sharer >= 0) {
    api::Spec own = PlayerSpec(*spec, sharer);
    ResolveData(&own, violations);
    *spec->mutable_data() = own.data();
  }
  CheckEvaluation(spec->evaluation(), has_test, violations);
  if (violations->empty()) CheckNormalizedTargets(*spec, violations);
}

}  // namespace

void ResolveSystem(api::Spec* spec, Violations* violations) {
  CheckNothingElse(*spec, violations);
  api::System* system = spec->mutable_system();
  if (!system->has_turns()) system->set_turns(api::System::ALTERNATING);
  if (system->turns() != api::System::ALTERNATING && system->turns() != api::System::JOINT) {
    violations->Add("system.turns", "It must be ALTERNATING or JOINT.", reason::kOutOfRange);
  }
  if (!system->has_summed()) system->set_summed(false);
  if (system->players().empty() || system->players_size() > kMaxPlayers) {
    violations->Add("system.players",
                    absl::StrCat("Give from 1 to ", kMaxPlayers,
                                 " players, each with name, model, objective and optimizer."),
                    reason::kMissingField);
    return;
  }
  std::set<std::string> names;
  for (int p = 0; p < system->players_size(); ++p) {
    const std::string path = absl::StrCat(PlayerField(p), ".name");
    CheckName(path, system->players(p).name(), violations);
    if (!names.insert(system->players(p).name()).second) {
      violations->Add(path, "Two players have this name: give them different ones.",
                      reason::kDuplicateName);
    }
  }
  if (!violations->empty()) return;
  for (int p = 0; p < system->players_size(); ++p) {
    ResolvePlayer(*spec, p, system->mutable_players(p), violations);
  }
  if (violations->empty()) ResolvePlayersData(spec, violations);
}

}  // namespace descent::worker
