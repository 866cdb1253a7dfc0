#include "core/optimizer/kinds.h"

#include <algorithm>
#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/accumulate.h"
#include "core/optimizer/adabelief.h"
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/adam.h"
#include "core/optimizer/adamax.h"
#include "core/optimizer/adamw.h"
#include "core/optimizer/amsgrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/averages.h"
#include "core/optimizer/clip.h"
#include "core/optimizer/freeze.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/lamb.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/muon.h"
#include "core/optimizer/nadam.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/radam.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/sam.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"
#include "core/optimizer/weight_decay.h"

namespace descent {
namespace {

template <Declared O>
std::vector<FieldInfo> FieldsOf(const O& defaults, bool step_size_required) {
  std::vector<FieldInfo> fields;
  O::Describe(defaults, [&](const Range& range, const auto& field) {
    fields.push_back({range, field, step_size_required && fields.empty()});
  });
  return fields;
}

template <Declared O>
absl::Status SetAll(const FieldValues& values, O& options) {
  for (const auto& [name, value] : values) {
    if (absl::Status status = SetField(name, value, options); !status.ok()) return status;
  }
  return absl::OkStatus();
}

template <class O>
class KindOf final : public OptimizerKind {
 public:
  std::string_view name() const override { return O::kind; }
  const std::vector<FieldInfo>& fields() const override { return fields_; }
  bool has_groups() const override { return ElementwiseRule<O>; }

  absl::StatusOr<OptimizerOptions> Make(const FieldValues& values,
                                        std::span<const ParameterGroup> groups) const override {
    O options = Defaults<O>();
    if (absl::Status status = SetAll(values, options); !status.ok()) return status;
    if (groups.empty()) return Valid(std::move(options));
    if constexpr (ElementwiseRule<O>) {
      return Valid(Grouped<O>{std::move(options), {groups.begin(), groups.end()}});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("groups: ", std::string(O::kind),
                       " has none, since it moves all parameters alike; use sgd or another "
                       "element-wise optimizer, or the wrapper `freeze`"));
    }
  }

 private:
  template <class Options>
  static absl::StatusOr<OptimizerOptions> Valid(Options options) {
    if (absl::Status status = options.Validate(); !status.ok()) return status;
    return OptimizerOptions(std::move(options));
  }

  const std::vector<FieldInfo> fields_ = FieldsOf(Defaults<O>(), !std::default_initializable<O>);
};

template <template <class> class Wrapper>
class WrapperKindOf final : public WrapperKind {
 public:
  using Options = Wrapper<OptimizerOptions>;

  std::string_view name() const override { return Options::kind; }
  const std::vector<FieldInfo>& fields() const override { return fields_; }

  absl::StatusOr<OptimizerOptions> Make(const FieldValues& values,
                                        OptimizerOptions optimizer) const override {
    Options options{.optimizer = std::move(optimizer)};
    if (absl::Status status = SetAll(values, options); !status.ok()) return status;
    if (absl::Status status = options.Validate(); !status.ok()) return status;
    return OptimizerOptions(std::move(options));
  }

 private:
  const std::vector<FieldInfo> fields_ = FieldsOf(Wrapper<Sgd>{}, false);
};

template <class... O>
std::vector<const OptimizerKind*> MakeKinds() {
  return {new KindOf<O>...};
}

template <template <class> class... Wrapper>
std::vector<const WrapperKind*> MakeWrapperKinds() {
  return {new WrapperKindOf<Wrapper>...};
}

template <class Kind>
const Kind* Find(std::span<const Kind* const> kinds, std::string_view name) {
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const Kind* k) { return k->name() == name; });
  return found == kinds.end() ? nullptr : *found;
}

}  // namespace

std::span<const OptimizerKind* const> OptimizerKinds() {
  static const auto* kinds = new std::vector<const OptimizerKind*>(
      MakeKinds<GradientDescent, HeavyBall, Nesterov, Sgd, AdaGrad, AdaDelta, RmsProp, Adam, AdamW,
                AmsGrad, AdaMax, NAdam, RAdam, AdaBelief, Lion, Rprop, Asgd, Lamb, Muon,
                ScheduleFreeSgd, ScheduleFreeAdamW>());
  return *kinds;
}

std::span<const WrapperKind* const> WrapperKinds() {
  static const auto* kinds = new std::vector<const WrapperKind*>(
      MakeWrapperKinds<CoupledWeightDecay, DecoupledWeightDecay, ClipByNorm, ClipByParameterNorm,
                       ClipByValue, Accumulate, SkipNonFinite, Lookahead, Ema, Swa, Sam, Freeze,
                       Mask>());
  return *kinds;
}

const OptimizerKind* FindOptimizerKind(std::string_view name) {
  return Find(OptimizerKinds(), name);
}

const WrapperKind* FindWrapperKind(std::string_view name) { return Find(WrapperKinds(), name); }

}  // namespace descent
