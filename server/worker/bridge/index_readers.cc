#include "server/worker/bridge/index_readers.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace descent::worker {
namespace {

class Finder {
 public:
  // Gives whether what comes out is still what came in, if that were indices.
  bool Follow(const std::string& field, const api::Layer& layer) {
    switch (layer.kind_case()) {
      case api::Layer::kFlatten:
      case api::Layer::kReshape:
      case api::Layer::kDropout:
        return true;
      case api::Layer::kEmbedding:
        // A node of a graph may be the same as another.
        if (std::ranges::find(readers, &layer.embedding(), &IndexReader::embedding) ==
            readers.end()) {
          readers.push_back({field + ".embedding", &layer.embedding()});
        }
        return false;
      case api::Layer::kSequential:
        for (int i = 0; i < layer.sequential().layers_size(); ++i) {
          if (!Follow(absl::StrCat(field, ".sequential.layers[", i, "]"),
                      layer.sequential().layers(i))) {
            return false;
          }
        }
        return true;
      case api::Layer::kGraph:
        return Follow(field + ".graph", layer.graph());
      default:
        return false;
    }
  }

  std::vector<IndexReader> readers;

 private:
  bool Follow(const std::string& field, const api::Graph& graph) {
    // These are by the names of values: whether they are still what came in; and the layers of
    // nodes.
    std::map<std::string, bool> same = {{"input", true}};
    std::map<std::string, const api::Layer*> layers;
    std::string last = "input";
    for (int i = 0; i < graph.nodes_size(); ++i) {
      const api::GraphNode& node = graph.nodes(i);
      std::vector<std::string> inputs(node.inputs().begin(), node.inputs().end());
      if (inputs.empty()) inputs.push_back(last);
      bool indices = std::ranges::all_of(
          inputs, [&](const std::string& name) { return same.contains(name) && same.at(name); });
      if (node.has_layer()) layers[node.name()] = &node.layer();
      const auto found = layers.find(node.has_layer() ? node.name() : node.same_as());
      if (found != layers.end()) {
        indices = indices && Follow(absl::StrCat(field, ".nodes[", i, "].layer"), *found->second);
      } else {
        indices = indices && node.has_concat();
      }
      same[node.name()] = indices;
      last = node.name();
    }
    const auto output = same.find(graph.has_output() ? graph.output() : last);
    return output != same.end() && output->second;
  }
};

}  // namespace

std::vector<IndexReader> IndexReaders(const std::string& field, const api::Layer& model) {
  Finder finder;
  finder.Follow(field, model);
  return finder.readers;
}

}  // namespace descent::worker
