// All penalties by their names, for whoever learns the kind at run time.
//
// A new penalty is a struct that declares its fields (core/fields) and has `Penalty Make() const`,
// a line in penalty_kinds.cc, and a message of the spec with the same field names. Free functions;
// any thread.
#ifndef DESCENT_CORE_OBJECTIVE_PENALTY_KINDS_H_
#define DESCENT_CORE_OBJECTIVE_PENALTY_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/objective/penalty.h"

namespace descent {

using PenaltyForm = Maker<Penalty>;

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<PenaltyForm> NewPenalty(std::string_view kind);

// Gives the names: `l1`, …
std::vector<std::string_view> PenaltyKinds();

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_PENALTY_KINDS_H_
