// `Children` builds the layers inside a container, each under a name of its own.
#ifndef DESCENT_CORE_MODEL_CHILDREN_H_
#define DESCENT_CORE_MODEL_CHILDREN_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "core/model/layer.h"

namespace descent {

// What a layer inside is given.
struct ChildInput {
  std::string source;  // `layer hidden (linear)`
  Shape shape;
  at::ScalarType dtype;

  // Gives what the container itself is given.
  static ChildInput Of(const BuildContext& context) {
    return {context.source, context.input_shape, context.input_dtype};
  }
};

class Children {
 public:
  // Both arguments outlive this object.
  Children(const BuildContext& context, std::string_view kind) : context_(context), kind_(kind) {}

  // Gives the context of the child `name`, a layer of this kind, which errors name.
  // INVALID_ARGUMENT unless the name has letters, digits, `_` and `-` alone and is not yet taken.
  absl::StatusOr<BuildContext> Enter(const std::string& name, std::string_view kind,
                                     const ChildInput& input);
  // Builds the layer, and keeps its summaries here. On return `input` is the layer's output.
  absl::StatusOr<std::unique_ptr<Layer>> Build(const std::string& name, const LayerOptions& options,
                                               ChildInput* input);

  // The summaries of all that was built, in order.
  std::vector<LayerSummary> summaries;

 private:
  const BuildContext& context_;
  const std::string_view kind_;
  std::set<std::string> names_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_CHILDREN_H_
