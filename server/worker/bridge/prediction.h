// Makes a job's spec, one of its checkpoints and data a model and its inputs: what a prediction is
// made of. Free functions; the data cache makes them one thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_PREDICTION_H_
#define DESCENT_SERVER_WORKER_BRIDGE_PREDICTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/data/examples.h"
#include "core/data/normalization.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

struct PredictionSource {
  const api::Spec& spec;  // resolved; without a function
  const api::SpecSummary& summary;
  std::string checkpoint;  // the file
  std::string checkpoint_sha256;
  const api::DataSource& data;  // no kind means the job's test data
  std::string player = {};      // in a system
};

struct PreparedPrediction {
  Model model;  // as evaluations use it
  int64_t iteration = 0;
  at::Tensor inputs;
  Origin origin;  // of the inputs' rows
  Loss loss;      // says what outputs stand for
  Shape output_shape;
  at::ScalarType dtype = at::kFloat;  // that of what is predicted
  // What is to be undone in the model's outputs.
  NormalizationNumbers target_normalization;
  std::vector<std::string> class_names;  // empty: they have none
  std::vector<std::string> notes;        // sentences on the data
};

struct PredictionRefusal {
  absl::Status status;  // the code, and the sentence unless there are violations
  std::string reason;   // ErrorInfo.reason, likewise
  Violations violations;
};

// The training data are read only if how to read `data` depends on them: what was learned for their
// normalization, categories, the order of a table's columns.
std::variant<PreparedPrediction, PredictionRefusal> PreparePrediction(
    const PredictionSource& source, DataCache* cache);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_PREDICTION_H_
