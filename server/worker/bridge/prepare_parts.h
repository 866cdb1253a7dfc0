// What preparing one model and preparing a system have in common. Free functions; any thread.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_PREPARE_PARTS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_PREPARE_PARTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/data/dataset.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"
#include "core/objective/loss_sum.h"
#include "descent/v1/event.pb.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Gives the shape of one example.
Shape ExampleShape(const at::Tensor& rows);
// Gives the spec as checkpoints hold it.
std::string SpecText(const api::Spec& spec);

// Checks that every target is one for the losses and a model with this output.
void CheckTargets(const std::string& field, const api::DataSource& source, const Dataset& dataset,
                  const LossSum& loss, const Shape& output, Violations* violations);

// Notes in `train` what its targets are to these losses that people may not mean: categories that
// are taken for quantities, or a single class. `source` and `data` are where it comes from.
void NoteTargets(const std::vector<Loss>& losses, const api::DataSource& source,
                 const LoadedData& data, Dataset* train);

// Checks that embeddings which look the data up have a row for each index.
void CheckIndices(const std::string& field, const api::Layer& model, const Dataset& train,
                  const std::optional<Dataset>& test, Violations* violations);

// Checks that no batch of `examples` (0: none are read) leaves a batch norm with a single value for
// each channel, up to that iteration. `field` is that of the data. Layers whose states are held
// don't mind.
void CheckBatchNorms(const BuiltModel& built, const Model& model, const std::string& field,
                     const api::Data& data, int64_t examples, int64_t iterations,
                     Violations* violations);

// Adds a model's layers, each with the player's name (if it has one) before its own, and what it
// adds to the sums.
void AddModel(const std::string& player, const BuiltModel& built, api::SpecSummary* summary);
// Add the digests of a file, or of a dataset's files and what was noted about them; what is there
// already is not added.
void AddDigest(const FileDigest& file, api::SpecSummary* summary);
void AddFiles(const Dataset& dataset, api::SpecSummary* summary);
// Gives the names of the classes that the data's targets are; empty if they have none.
std::vector<std::string> ClassNames(const api::DataSource& train, const Categories& categories);
void AddClassNames(const api::DataSource& train, const Categories& categories,
                   api::SpecSummary* summary);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_PREPARE_PARTS_H_
