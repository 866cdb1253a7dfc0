#include "core/objective/estimate_states.h"

#include <cstdint>
#include <exception>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/sum.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/data/batch.h"
#include "core/model/layers.h"
#include "core/model/pass.h"
#include "core/space/number.h"
#include "core/text/exception_text.h"

namespace descent {

absl::Status EstimateStates(const Model& model, int64_t first, int64_t count,
                            absl::FunctionRef<const Batch&(int64_t iteration)> batches) try {
  const at::NoGradGuard no_graph;
  for (int64_t i = 0; i < count; ++i) {
    const at::Tensor inputs = batches(first + i).inputs;
    // A batch of one example, which can only be an epoch's last one, has no variance and is left
    // out.
    if (i > 0 && inputs.size(0) == 1) continue;
    const at::Tensor y =
        model(inputs, Pass{.training = true, .iteration = first + i, .estimation = i});
    // The next batch is copied to where this one lies, so the device has to be done with it.
    if (!y.is_cpu()) Number(y.sum());
  }
  return absl::OkStatus();
} catch (const std::exception& error) {
  return absl::InternalError(
      absl::StrCat("running averages can't be estimated: ", ExceptionText(error)));
}

}  // namespace descent
