#include "server/worker/bridge/check_players.h"

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/objective/loss.h"
#include "core/objective/loss_sum.h"
#include "core/system/system.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/system_spec.h"

namespace descent::worker {
namespace {

// Checks that losses go with what comes out and with what it is compared with.
void CheckTerms(const Prepared& prepared, const std::vector<BuiltModel>& built,
                Violations* violations) {
  const api::Spec& spec = prepared.spec;
  for (int p = 0; p < Players(spec); ++p) {
    const PlayerTerms terms = ToPlayerTerms(spec, p);
    const PreparedPlayer& player = prepared.players[p];
    for (size_t t = 0; t < terms.terms.size(); ++t) {
      const PlayerTerm& term = terms.terms[t];
      const std::string field =
          absl::StrCat(PlayerField(p), ".objective[", t, "].loss.", term.loss.name);
      const Shape& output = built[term.through.back()].output_shape;
      Shape target = output;
      if (term.target == TermTarget::kTargets) target = ExampleShape(player.train.targets);
      if (term.target == TermTarget::kInputs) target = ExampleShape(player.train.inputs);
      if (term.target == TermTarget::kConstant && term.loss.predicts == Predicts::kClass) {
        target = output.empty() ? Shape() : Shape(output.begin(), output.end() - 1);
        if (!output.empty() && term.constant >= static_cast<double>(output.back())) {
          violations->Add(absl::StrCat(PlayerField(p), ".objective[", t, "].constant"),
                          absl::StrCat("There is no class ", term.constant, ": the model has ",
                                       output.back(), " outputs."),
                          reason::kOutOfRange);
          continue;
        }
      }
      if (absl::Status status = term.loss.CheckShapes(output, target); !status.ok()) {
        violations->Add(field, Sentence(status), reason::kShapeMismatch);
        continue;
      }
      if (term.target != TermTarget::kTargets) continue;
      const api::Spec own = PlayerDataSpec(spec, p);
      CheckTargets(PlayerDataField(spec, p) + ".train", own.data().train(), player.train,
                   LossSum(term.loss), output, violations);
      if (!player.test) continue;
      const bool given = own.data().has_test();
      CheckTargets(PlayerDataField(spec, p) + (given ? ".test" : ".train"),
                   given ? own.data().test() : own.data().train(), *player.test, LossSum(term.loss),
                   output, violations);
    }
  }
}

// Checks that embeddings have a row for each index of the data that terms read.
void CheckLookups(const Prepared& prepared, Violations* violations) {
  const api::System& system = prepared.spec.system();
  for (int p = 0; p < Players(prepared.spec); ++p) {
    const PreparedPlayer& player = prepared.players[p];
    std::set<int> readers;
    for (const api::PlayerTerm& term : system.players(p).objective()) {
      if (!term.has_noise()) readers.insert(FindPlayer(system, term.through(0)));
    }
    for (const int q : readers) {
      CheckIndices(PlayerField(q) + ".model", system.players(q).model(), player.train, player.test,
                   violations);
    }
  }
}

// Checks that batches are large enough for the models that a player's terms go through, which are
// all used in training mode.
void CheckBatches(const std::vector<BuiltModel>& built, const Prepared& prepared,
                  Violations* violations) {
  const api::Spec& spec = prepared.spec;
  for (int p = 0; p < Players(spec); ++p) {
    const api::Player& player = spec.system().players(p);
    const at::Tensor& inputs = prepared.players[p].train.inputs;
    std::set<int> through;
    for (const api::PlayerTerm& term : player.objective()) {
      for (const std::string& name : term.through()) {
        through.insert(FindPlayer(spec.system(), name));
      }
    }
    for (const int q : through) {
      CheckBatchNorms(built[q], built[q].model, PlayerDataField(spec, p), PlayerData(spec, p),
                      inputs.defined() ? inputs.size(0) : 0, spec.iterations(), violations);
    }
  }
}

}  // namespace

void CheckPlayers(const std::vector<BuiltModel>& built, const Prepared& prepared,
                  Violations* violations) {
  CheckTerms(prepared, built, violations);
  CheckLookups(prepared, violations);
  CheckBatches(built, prepared, violations);
}

}  // namespace descent::worker
