// `Grouped` is an element-wise optimizer with parameter groups.
//
//   Grouped{.optimizer = Adam{}, .groups = {{.name = "bias", .pattern = "*.bias",
//                                            .values = {{"step_size", Sequence(0.01)}}}}}
#ifndef DESCENT_CORE_OPTIMIZER_GROUPED_H_
#define DESCENT_CORE_OPTIMIZER_GROUPED_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/optimizer.h"

namespace descent {

template <InnerProductSpace X, ElementwiseRule O>
class GroupedMethod;

template <ElementwiseRule Optimizer>
struct Grouped {
  Optimizer optimizer;
  std::vector<ParameterGroup> groups;  // a parameter belongs to the first that fits

  // Gives INVALID_ARGUMENT naming the field or group. Whether a pattern fits any parameter is only
  // known at the start.
  absl::Status Validate() const {
    if (absl::Status status = optimizer.Validate(); !status.ok()) return status;
    if (absl::Status status = ValidateGroups(groups); !status.ok()) return status;
    for (const ParameterGroup& group : groups) {
      Optimizer own = optimizer;
      for (const auto& [field, value] : group.values) {
        absl::Status status = SetField(field, value, own);
        if (!status.ok()) {
          return absl::InvalidArgumentError(
              absl::StrCat("groups.", group.name, ".", std::string(status.message())));
        }
      }
    }
    return absl::OkStatus();
  }

  // Here Start throws std::invalid_argument also if a group has no parameters.
  DESCENT_METHOD(::descent::ElementwiseAlgebra, GroupedMethod<X, Optimizer>)
};

template <InnerProductSpace X, ElementwiseRule O>
class GroupedMethod final : public O::template MethodFor<X> {
 public:
  GroupedMethod(const Grouped<O>& options, const X& x0)
      : O::template MethodFor<X>(options.optimizer, x0, options.groups) {}
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_GROUPED_H_
