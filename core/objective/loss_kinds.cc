#include "core/objective/loss_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/objective/binary_cross_entropy.h"
#include "core/objective/cross_entropy.h"
#include "core/objective/hinge.h"
#include "core/objective/huber.h"
#include "core/objective/kl_divergence.h"
#include "core/objective/loss.h"
#include "core/objective/mean_absolute_error.h"
#include "core/objective/mean_squared_error.h"
#include "core/objective/negative_log_likelihood.h"

namespace descent {
namespace {

using Kinds =
    KindList<LossForm, MakerOf<Loss>::Form, CrossEntropy, MeanSquaredError, MeanAbsoluteError,
             Huber, BinaryCrossEntropyWithLogits, NegativeLogLikelihood, Hinge, KlDivergence>;

}  // namespace

std::unique_ptr<LossForm> NewLoss(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> LossKinds() { return Kinds::Names(); }

}  // namespace descent
