// All kinds of layers by their names, for whoever learns the kind at run time.
//
// Adding one: a line in layer_kinds.cc.
#ifndef DESCENT_CORE_MODEL_LAYER_KINDS_H_
#define DESCENT_CORE_MODEL_LAYER_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/model/layer.h"

namespace descent {

using LayerForm = Maker<LayerOptions>;

// With its defaults; null if there is no such kind.
std::unique_ptr<LayerForm> NewLayer(std::string_view kind);

// `linear`, `relu`, …
std::vector<std::string_view> LayerKinds();

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_KINDS_H_
