#include "core/objective/loss_kinds.h"

#include <span>
#include <string_view>

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
#include "core/objective/options.h"

namespace descent {
namespace {

using Kinds =
    KindList<LossKind, OptionsKindOf, CrossEntropy, MeanSquaredError, MeanAbsoluteError, Huber,
             BinaryCrossEntropyWithLogits, NegativeLogLikelihood, Hinge, KlDivergence>;

}  // namespace

std::span<const LossKind* const> LossKinds() { return Kinds::All(); }

const LossKind* FindLossKind(std::string_view name) { return Kinds::Find(name); }

}  // namespace descent
