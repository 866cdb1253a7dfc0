#ifndef DESCENT_SERVER_WORKER_SPEC_LINE_SEARCH_SPEC_H_
#define DESCENT_SERVER_WORKER_SPEC_LINE_SEARCH_SPEC_H_

// An optimizer's `line_search` to core's. A kind and its fields are found by their names. Free
// functions; any thread.

#include <string>

#include "core/optimizer/line_search.h"
#include "server/worker/spec/violations.h"

namespace descent::worker {

// Checks what was given and fills in the kind's defaults.
void ResolveLineSearch(const std::string& path, api::LineSearch* message, Violations* violations);

// Of a resolved message.
LineSearch ToLineSearch(const api::LineSearch& message);

// With all its fields.
void WriteLineSearch(const LineSearch& search, api::LineSearch* message);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_LINE_SEARCH_SPEC_H_
