#include "core/optimizer/kinds.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"
#include "core/fields/form.h"
#include "core/optimizer/kind_of.h"

namespace descent {
namespace {

auto* Concatenated(auto first, const auto&... others) {
  (first.insert(first.end(), others.begin(), others.end()), ...);
  return new decltype(first)(std::move(first));
}

const internal::OptimizerKindList& Optimizers() {
  static const auto* kinds =
      Concatenated(internal::InnerProductKinds(), internal::ElementwiseKinds(),
                   internal::AdamKinds(), internal::ParameterwiseKinds());
  return *kinds;
}

const internal::WrapperKindList& Wrappers() {
  static const auto* kinds =
      Concatenated(internal::GradientWrapperKinds(), internal::SolutionWrapperKinds());
  return *kinds;
}

std::vector<std::string_view> Names(const auto& kinds) {
  std::vector<std::string_view> names;
  for (const auto& kind : kinds) names.push_back(kind.kind);
  return names;
}

template <class Form>
std::unique_ptr<Form> New(const std::vector<internal::NamedForm<Form>>& kinds,
                          std::string_view name) {
  for (const auto& kind : kinds) {
    if (kind.kind == name) return kind.make();
  }
  return nullptr;
}

// Fills the values in, if there is such a form.
absl::Status Fill(std::string_view kind, const FieldValues& values, Form* form) {
  if (form == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no `", std::string(kind), "`"));
  }
  const FieldList fields = form->fields();
  for (const auto& [name, value] : values) {
    absl::Status status = internal::SetField(kind, fields, name, value);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string_view> OptimizerKinds() { return Names(Optimizers()); }
std::vector<std::string_view> WrapperKinds() { return Names(Wrappers()); }

std::unique_ptr<OptimizerForm> NewOptimizer(std::string_view kind) {
  return New(Optimizers(), kind);
}
std::unique_ptr<WrapperForm> NewWrapper(std::string_view kind) { return New(Wrappers(), kind); }

absl::StatusOr<OptimizerOptions> MakeOptimizer(std::string_view kind, const FieldValues& values,
                                               std::span<const ParameterGroup> groups) {
  const std::unique_ptr<OptimizerForm> form = NewOptimizer(kind);
  if (absl::Status status = Fill(kind, values, form.get()); !status.ok()) return status;
  return form->Make(groups);
}

absl::StatusOr<OptimizerOptions> MakeWrapper(std::string_view kind, const FieldValues& values,
                                             const OptimizerOptions& optimizer) {
  const std::unique_ptr<WrapperForm> form = NewWrapper(kind);
  if (absl::Status status = Fill(kind, values, form.get()); !status.ok()) return status;
  return form->Make(optimizer);
}

}  // namespace descent
