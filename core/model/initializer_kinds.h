// All kinds of initializers by their names, for whoever learns the kind at run time.
//
// A new one needs a line in initializer_kinds.cc. Free functions, any thread.
#ifndef DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_
#define DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/model/initializer.h"

namespace descent {

using InitializerForm = Maker<Initializer>;

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<InitializerForm> NewInitializer(std::string_view kind);

// Gives the names: `constant`, `uniform`, …
std::vector<std::string_view> InitializerKinds();

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_
