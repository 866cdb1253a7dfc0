// All kinds of layers by their names, for whoever learns the kind at run time.
//
// A new one needs a line in layer_kinds.cc. Free functions, any thread.
#ifndef DESCENT_CORE_MODEL_LAYER_KINDS_H_
#define DESCENT_CORE_MODEL_LAYER_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/model/layer.h"

namespace descent {

using LayerForm = Maker<LayerOptions>;

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<LayerForm> NewLayer(std::string_view kind);

// Gives the names: `linear`, `relu`, …
std::vector<std::string_view> LayerKinds();

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_KINDS_H_
