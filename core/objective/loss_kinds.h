// All losses by their names, for whoever learns the kind at run time.
//
// A new loss is a struct that declares its fields (options.h) and has `Loss Make() const`, a line
// in loss_kinds.cc, and a message of the spec with the same field names. Free functions; any
// thread.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/objective/loss.h"
#include "core/objective/options.h"

namespace descent {

class LossKind {
 public:
  virtual ~LossKind() = default;
  // `huber`
  virtual std::string_view name() const = 0;
  virtual const std::vector<OptionField>& fields() const = 0;
  // INVALID_ARGUMENT naming the field that is out of range, unknown or of another type.
  virtual absl::StatusOr<Loss> Make(const OptionValues& values) const = 0;
};

std::span<const LossKind* const> LossKinds();
// Null if there is none.
const LossKind* FindLossKind(std::string_view name);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_
