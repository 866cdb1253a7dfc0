// Fills in defaults of a spec and checks it in two steps: what can be said without the data, and
// what depends on how many examples there are. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_H_
#define DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/train/agenda.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Resolves everything but what depends on the data. Draws the seed if there is none.
void ResolveWithoutData(api::Spec* spec, Violations* violations);

// What is known of the training data.
struct TrainingData {
  int64_t examples = 0;
  // What was noted about them, which may be why there are so few.
  std::vector<std::string> notes = {};
};

// Resolves batch size, number of iterations, checkpoint interval and schedule lengths. A function
// has no data. For a system, whose players may have data of their own, there are the two steps
// below.
void ResolveWithData(const TrainingData& train, api::Spec* spec, Violations* violations);

// Resolves the batch size; `field` is that of the data. False if there is a violation.
bool ResolveBatchSize(const std::string& field, const TrainingData& train, api::Data* data,
                      Violations* violations);
// Resolves number of iterations, checkpoint interval and schedule lengths.
void ResolveLength(int64_t iterations_per_epoch, api::Spec* spec, Violations* violations);

// Gives the agenda of a resolved spec.
Agenda ToAgenda(int64_t iterations_per_epoch, const api::Spec& spec);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_RESOLVE_H_
