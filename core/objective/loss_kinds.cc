#include "core/objective/loss_kinds.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

template <Described O>
class KindOf final : public LossKind {
 public:
  std::string_view name() const override { return O::kind; }
  const std::vector<OptionField>& fields() const override { return fields_; }

  absl::StatusOr<Loss> Make(const OptionValues& values) const override {
    O options;
    if (absl::Status status = SetOptions(values, options); !status.ok()) return status;
    return options.Make();
  }

 private:
  const std::vector<OptionField> fields_ = OptionFields<O>();
};

template <class... O>
std::vector<const LossKind*> MakeKinds() {
  return {new KindOf<O>...};
}

}  // namespace

std::span<const LossKind* const> LossKinds() {
  static const auto* kinds = new std::vector<const LossKind*>(
      MakeKinds<CrossEntropy, MeanSquaredError, MeanAbsoluteError, Huber,
                BinaryCrossEntropyWithLogits, NegativeLogLikelihood, Hinge, KlDivergence>());
  return *kinds;
}

const LossKind* FindLossKind(std::string_view name) {
  const std::span<const LossKind* const> kinds = LossKinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const LossKind* k) { return k->name() == name; });
  return found == kinds.end() ? nullptr : *found;
}

}  // namespace descent
