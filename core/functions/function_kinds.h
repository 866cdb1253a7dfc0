// All functions by their names, for whoever learns the kind at run time.
//
// A new function is its formula (functions.h), a struct that declares its fields and a line in
// function_kinds.cc, and a message of the spec with the same field names. Free functions; any
// thread.
#ifndef DESCENT_CORE_FUNCTIONS_FUNCTION_KINDS_H_
#define DESCENT_CORE_FUNCTIONS_FUNCTION_KINDS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/form.h"
#include "core/functions/functions.h"

namespace descent {

// Makes the function with the start that the literature gives, or the function's own error, which
// names the field: `dimension: it is 1, but …`.
using FunctionForm = Maker<absl::StatusOr<Function>>;

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<FunctionForm> NewFunction(std::string_view kind);

}  // namespace descent

#endif  // DESCENT_CORE_FUNCTIONS_FUNCTION_KINDS_H_
