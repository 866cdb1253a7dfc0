#ifndef DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_H_
#define DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_H_

// Defaults and checks of a spec in two steps: what can be said without the data, and what depends
// on how many examples there are. Free functions; any thread.

#include <cstdint>
#include <string>
#include <vector>

#include "core/train/agenda.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Everything but data-dependent defaults. Draws the seed if there is none.
void ResolveWithoutData(api::Spec* spec, Violations* violations);

// What is known of the training data.
struct TrainingData {
  int64_t examples = 0;
  // What was noted about them: it may be why there are so few.
  std::vector<std::string> notes = {};
};

// Batch size, number of iterations, checkpoint interval, schedule lengths. A function has no data.
// Of a system, whose players may have data of their own, the two steps below.
void ResolveWithData(const TrainingData& train, api::Spec* spec, Violations* violations);

// `field`: that of the data. False: a violation.
bool ResolveBatchSize(const std::string& field, const TrainingData& train, api::Data* data,
                      Violations* violations);
// Number of iterations, checkpoint interval, schedule lengths.
void ResolveLength(int64_t iterations_per_epoch, api::Spec* spec, Violations* violations);

// Of a resolved spec.
Agenda ToAgenda(int64_t iterations_per_epoch, const api::Spec& spec);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_H_
