// All optimizers and wrappers by their names, for whoever learns the kind at run time.
//
// Adding one: its name in one of kinds_*.cc. Everything else is in its declaration
// (hyperparameters.h).
// Free functions; any thread.
#ifndef DESCENT_CORE_OPTIMIZER_KINDS_H_
#define DESCENT_CORE_OPTIMIZER_KINDS_H_

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/hyperparameters.h"
#include "core/optimizer/model_run.h"
#include "core/sequence/range.h"

namespace descent {

struct FieldInfo {
  Range range;  // with the field's name
  FieldValue default_value;
  bool required = false;                         // then the default means nothing
  std::span<const std::string_view> names = {};  // those that the field may have, if it is an enum
};

// Those that differ from the defaults, by name.
using FieldValues = std::vector<std::pair<std::string, FieldValue>>;

class OptimizerKind {
 public:
  virtual ~OptimizerKind() = default;
  // `adam`
  virtual std::string_view name() const = 0;
  virtual const std::vector<FieldInfo>& fields() const = 0;
  // False: `groups` must be empty.
  virtual bool has_groups() const = 0;
  // INVALID_ARGUMENT naming the field or group.
  virtual absl::StatusOr<OptimizerOptions> Make(const FieldValues& values,
                                                std::span<const ParameterGroup> groups) const = 0;
};

class WrapperKind {
 public:
  virtual ~WrapperKind() = default;
  // `clip_by_norm`
  virtual std::string_view name() const = 0;
  virtual const std::vector<FieldInfo>& fields() const = 0;
  // INVALID_ARGUMENT naming the field.
  virtual absl::StatusOr<OptimizerOptions> Make(const FieldValues& values,
                                                OptimizerOptions optimizer) const = 0;
};

std::span<const OptimizerKind* const> OptimizerKinds();
std::span<const WrapperKind* const> WrapperKinds();
// Null if there is none.
const OptimizerKind* FindOptimizerKind(std::string_view name);
const WrapperKind* FindWrapperKind(std::string_view name);

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_KINDS_H_
