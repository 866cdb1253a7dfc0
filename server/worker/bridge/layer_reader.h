// A `LayerReader` makes `Spec.model`'s messages core's options of layers, by the fields that the
// options declare (core/fields): a kind of layer needs no code here. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_LAYER_READER_H_
#define DESCENT_SERVER_WORKER_BRIDGE_LAYER_READER_H_

#include <map>
#include <optional>
#include <string>

#include "core/model/layer.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

class LayerReader {
 public:
  // Where a layer of the spec is.
  struct Place {
    std::string field;                   // `model.sequential.layers[0].linear`
    google::protobuf::Message* options;  // the message there
  };

  explicit LayerReader(Violations* violations) : violations_(violations) {}

  // Reads a layer, and fills in what is not given: defaults, names. Nothing if there are
  // violations. `field` is the layer's in the spec, `path` its path in the model; the root has the
  // depth 1.
  std::optional<LayerOptions> Read(api::Layer* layer, const std::string& field,
                                   const std::string& path, int depth);

  // The places of all layers that were read, by their paths in the model.
  const std::map<std::string, Place>& places() const { return places_; }

 private:
  Violations* const violations_;
  std::map<std::string, Place> places_;
  int layers_ = 0;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_LAYER_READER_H_
