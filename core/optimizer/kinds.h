// All optimizers and wrappers by their names, for whoever learns the kind at run time.
//
// A new one needs its name in one of kinds_*.cc; everything else is in its declaration
// (core/fields). Free functions, any thread; a form (core/fields/form.h) belongs to one thread at a
// time.
#ifndef DESCENT_CORE_OPTIMIZER_KINDS_H_
#define DESCENT_CORE_OPTIMIZER_KINDS_H_

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/fields/form.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/model_run.h"

namespace descent {

// An optimizer's fields, to be filled in.
class OptimizerForm : public Form {
 public:
  // If false, `groups` must be empty.
  virtual bool has_groups() const = 0;
  // Makes the optimizer as filled in, or gives INVALID_ARGUMENT naming the field or group.
  virtual absl::StatusOr<OptimizerOptions> Make(std::span<const ParameterGroup> groups) const = 0;
};

class WrapperForm : public Form {
 public:
  // Makes the wrapper as filled in, around that optimizer, or gives INVALID_ARGUMENT naming the
  // field.
  virtual absl::StatusOr<OptimizerOptions> Make(const OptimizerOptions& optimizer) const = 0;
};

// Give the names: `adam`, `clip_by_norm`.
std::vector<std::string_view> OptimizerKinds();
std::vector<std::string_view> WrapperKinds();
// Make a form with the kind's defaults, or null if there is no kind of that name.
std::unique_ptr<OptimizerForm> NewOptimizer(std::string_view kind);
std::unique_ptr<WrapperForm> NewWrapper(std::string_view kind);

// Make one with these fields and the defaults of the rest. Give NOT_FOUND if there is no such kind
// or field, INVALID_ARGUMENT naming the field or group.
absl::StatusOr<OptimizerOptions> MakeOptimizer(std::string_view kind, const FieldValues& values,
                                               std::span<const ParameterGroup> groups = {});
absl::StatusOr<OptimizerOptions> MakeWrapper(std::string_view kind, const FieldValues& values,
                                             const OptimizerOptions& optimizer);

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_KINDS_H_
