// How a declaration becomes a kind (kinds.h). Private to kinds*.cc: each of these files
// instantiates some of the kinds, so that a change of one optimizer compiles its neighbours again
// and not all.
#ifndef DESCENT_CORE_OPTIMIZER_KIND_OF_H_
#define DESCENT_CORE_OPTIMIZER_KIND_OF_H_

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/grouped.h"
#include "core/optimizer/kinds.h"
#include "core/optimizer/sgd.h"

namespace descent::internal {

using OptimizerKindList = std::vector<const OptimizerKind*>;
using WrapperKindList = std::vector<const WrapperKind*>;

OptimizerKindList InnerProductKinds();   // kinds_inner_product.cc
OptimizerKindList AdamKinds();           // kinds_adam.cc
OptimizerKindList ElementwiseKinds();    // kinds_elementwise.cc
OptimizerKindList ParameterwiseKinds();  // kinds_parameterwise.cc
WrapperKindList GradientWrapperKinds();  // kinds_gradient_wrappers.cc
WrapperKindList SolutionWrapperKinds();  // kinds_solution_wrappers.cc

template <Declared O>
std::vector<FieldInfo> FieldsOf(const O& defaults, bool step_size_required) {
  std::vector<FieldInfo> fields;
  O::Describe(defaults, [&]<class Field>(const Range& range, const Field& field) {
    fields.push_back({range, ToFieldValue(field), step_size_required && fields.empty()});
    if constexpr (NamedEnum<Field>) fields.back().names = Names(field);
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

// They live for ever.
template <class... O>
OptimizerKindList MakeKinds() {
  return {new KindOf<O>...};
}

template <template <class> class... Wrapper>
WrapperKindList MakeWrapperKinds() {
  return {new WrapperKindOf<Wrapper>...};
}

}  // namespace descent::internal

#endif  // DESCENT_CORE_OPTIMIZER_KIND_OF_H_
