#include "server/worker/session/warm_up.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "core/data/batches.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/optimizer/adam.h"
#include "core/train/trainer.h"

namespace descent::worker {

void WarmUp() {
  constexpr int64_t kExamples = 16;
  constexpr int64_t kFeatures = 32;
  Dataset data;
  data.inputs = at::ones({kExamples, kFeatures});
  data.targets = at::zeros({kExamples}, at::kLong);
  absl::StatusOr<BuiltModel> built = BuildModel(
      {.root = Sequential{{Linear{.out_features = 32}, Relu{}, Linear{.out_features = 10}}},
       .input_shape = {kFeatures}});
  absl::StatusOr<std::unique_ptr<Batches>> batches = Batches::Create(data, {.batch_size = 8});
  if (!built.ok() || !batches.ok()) return;
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create({.starting_point = &built->model,
                       .optimizer = Adam{},
                       .loss = cross_entropy(),
                       .batches = *std::move(batches),
                       .test = data,
                       .agenda = {.iterations = 3},
                       .dial_path = {},
                       .spec = ""});
  if (!trainer.ok()) return;
  for (int k = 0; k < 3; ++k) {
    if (!(*trainer)->Current().ok() || !(*trainer)->Evaluate().ok()) return;
    if (!(*trainer)->Advance().ok()) return;
  }
}

}  // namespace descent::worker
