// All losses by their names, for whoever learns the kind at run time.
//
// A new loss is a struct that declares its fields (options.h) and has `Loss Make() const`, a line
// in loss_kinds.cc, and a message of the spec with the same field names. Free functions; any
// thread.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_

#include <span>
#include <string_view>

#include "core/objective/loss.h"
#include "core/objective/options.h"

namespace descent {

using LossKind = OptionsKind<Loss>;

std::span<const LossKind* const> LossKinds();
// Null if there is none.
const LossKind* FindLossKind(std::string_view name);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_
