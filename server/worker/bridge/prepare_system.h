// The part of prepare.h for a system. Free functions, with its thread safety.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_PREPARE_SYSTEM_H_
#define DESCENT_SERVER_WORKER_BRIDGE_PREPARE_SYSTEM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/train/trainer.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Goes on from a spec that was resolved without data.
void PrepareSystem(DataCache* cache, Prepared* prepared, Violations* violations);

absl::StatusOr<std::unique_ptr<Trainer>> MakeSystem(Prepared prepared);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_PREPARE_SYSTEM_H_
