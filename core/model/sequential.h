// Sequential applies its layers one after the other; each one's input shape is the output shape of
// the one before.
#ifndef DESCENT_CORE_MODEL_SEQUENTIAL_H_
#define DESCENT_CORE_MODEL_SEQUENTIAL_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Sequential {
  static constexpr std::string_view kind = "sequential";
  static constexpr bool takes_indices = true;

  std::vector<LayerOptions> layers;  // at least one

  void Describe(FieldList& fields) {
    fields(Named("layers"), layers).Required("Give at least one layer.");
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_SEQUENTIAL_H_
