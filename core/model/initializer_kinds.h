// All kinds of initializers by their names, for whoever learns the kind at run time.
//
// Adding one: a line in initializer_kinds.cc.
#ifndef DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_
#define DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/model/initializer.h"

namespace descent {

using InitializerForm = Maker<Initializer>;

// With its defaults; null if there is no such kind.
std::unique_ptr<InitializerForm> NewInitializer(std::string_view kind);

// `constant`, `uniform`, …
std::vector<std::string_view> InitializerKinds();

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_
