// All kinds of layers by their names, for whoever learns the kind at run time.
//
// Adding one: a line in layer_kinds.cc.
#ifndef DESCENT_CORE_MODEL_LAYER_KINDS_H_
#define DESCENT_CORE_MODEL_LAYER_KINDS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/layer.h"
#include "core/model/options_visitor.h"

namespace descent {

// The options of a layer of some kind, to be filled in. Not thread-safe.
class LayerForm {
 public:
  virtual ~LayerForm() = default;
  virtual void Describe(OptionsVisitor& visit) = 0;
  // With its fields as they are.
  virtual LayerOptions Make(std::string name) const = 0;
};

// With its defaults; null if there is no such kind.
std::unique_ptr<LayerForm> NewLayer(std::string_view kind);

// `linear`, `relu`, …
std::vector<std::string_view> LayerKinds();

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_LAYER_KINDS_H_
