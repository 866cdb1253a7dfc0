// All losses by their names, for whoever learns the kind at run time.
//
// A new loss is a struct that declares its fields (core/fields) and has `Loss Make() const`, a line
// in loss_kinds.cc, and a message of the spec with the same field names. Free functions; any
// thread.
#ifndef DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_
#define DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/objective/loss.h"

namespace descent {

using LossForm = Maker<Loss>;

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<LossForm> NewLoss(std::string_view kind);

// Gives the names: `cross_entropy`, …
std::vector<std::string_view> LossKinds();

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_LOSS_KINDS_H_
