// A graph is named nodes, each computed from others: several inputs, several uses, shared
// parameters.
//
//   Graph{.nodes = {{.name = "a", .operation = Linear{.out_features = 8}},
//                   {.name = "b", .inputs = {"input"}, .operation = Linear{.out_features = 8}},
//                   {.name = "both", .inputs = {"a", "b"}, .operation = GraphConcat{}}}}
#ifndef DESCENT_CORE_MODEL_GRAPH_H_
#define DESCENT_CORE_MODEL_GRAPH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

// The layer of that node once more, with the same parameters (and the same dropped numbers).
struct GraphSameAs {
  std::string node;  // a node that has a layer
};

// The sum, or the element-wise product, of the inputs, which are at least two of the same shape.
struct GraphAdd {};
struct GraphMultiply {};

// The inputs beside each other; they are at least two and differ in that dimension alone.
struct GraphConcat {
  int64_t dimension = 0;  // ≥ 0; 0 is the first one after the batch
};

struct GraphNode {
  // Letters, digits, `_` and `-`; not `input`, which is what the graph is given.
  std::string name;
  // Nodes before this one, or `input`. If there are none, it is the node before, and `input` for
  // the first.
  std::vector<std::string> inputs = {};
  // A layer's own name is not used.
  std::variant<LayerOptions, GraphSameAs, GraphAdd, GraphMultiply, GraphConcat> operation;
};

struct Graph {
  static constexpr std::string_view kind = "graph";
  static constexpr bool takes_indices = true;

  std::vector<GraphNode> nodes;  // at least one, each of use for the output
  std::string output = {};       // empty: the last node

  void Describe(FieldList& fields) {
    fields(Named("nodes"), nodes).Required("Give at least one node.");
    fields(Named("output"), output).MayBeEmpty();
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_GRAPH_H_
