// This is the bridge from a spec to core: what a person wrote becomes either a list of what is
// wrong with it, or a run. Validation and start go through the same code; resolving a resolved spec
// changes nothing. Free functions; the data cache makes them one thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_PREPARE_H_
#define DESCENT_SERVER_WORKER_BRIDGE_PREPARE_H_

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/dataset.h"
#include "core/train/trainer.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// What a player's own part of a system's job needs besides the spec.
struct PreparedPlayer {
  Dataset train;  // empty if it reads no data
  std::optional<Dataset> test;
  Shape input_shape;  // that of its model
  at::ScalarType input_dtype;
};

struct Prepared {
  api::Spec spec;  // every default and the seed resolved
  api::SpecSummary summary;
  Dataset train;  // empty if the objective is a function, and of a system
  std::optional<Dataset> test;
  std::vector<PreparedPlayer> players;  // for a system
};

// Checks everything: fields, numbers, names; reads and decodes the data; builds the model on the
// meta device. No memory is taken for parameters.
std::variant<Prepared, Violations> Prepare(const api::Spec& spec, DataCache* cache);

// Makes the run at its starting point. It takes the data.
absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(Prepared prepared);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_PREPARE_H_
