#include <cmath>
#include <cstddef>
#include <memory>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/_fused_adam.h"
#include "ATen/ops/empty.h"
#include "core/optimizer/adam.h"
#include "core/space/flat_space.h"

namespace descent::internal {

// The kernel takes the count of each buffer as a tensor of one float where the buffer is.
struct FusedAdam::Lists {
  std::vector<at::Tensor> counts;
};

FusedAdam::FusedAdam() : lists_(std::make_unique<Lists>()) {}
FusedAdam::FusedAdam(FusedAdam&&) noexcept = default;
FusedAdam& FusedAdam::operator=(FusedAdam&&) noexcept = default;
FusedAdam::~FusedAdam() = default;

void FusedAdam::Step(const AdamStep& step, Buffers gradient, Buffers exp_avg, Buffers exp_avg_sq,
                     Buffers x) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  std::vector<at::Tensor>& counts = lists_->counts;
  for (size_t i = counts.size(); i < x.size(); ++i) {
    counts.push_back(at::empty({}, x[i].options().dtype(at::kFloat)));
  }
  double step_size = step.step_size, epsilon = step.epsilon;
  double count = static_cast<double>(step.count);
  if (step.count == 0) {
    // The betas have changed, so the corrections aren't powers. Let the kernel believe that this is
    // the first step, where its corrections are 1 − beta, and make up for the difference.
    count = 1;
    const double ratio = std::sqrt(step.correction2 / (1 - step.beta2));
    step_size *= (1 - step.beta1) / step.correction1 * ratio;
    epsilon *= ratio;
  }
  for (const at::Tensor& tensor : counts) {
    if (tensor.is_cpu()) {
      *tensor.mutable_data_ptr<float>() = static_cast<float>(count);
    } else {
      tensor.fill_(count);
    }
  }
  const auto list = [](Buffers buffers) { return at::TensorList(buffers.data(), buffers.size()); };
  at::_fused_adam_(list(x), list(gradient), list(exp_avg), list(exp_avg_sq), {}, counts, step_size,
                   step.beta1, step.beta2, /*weight_decay=*/0, epsilon, /*amsgrad=*/false,
                   /*maximize=*/false);
}

}  // namespace descent::internal
