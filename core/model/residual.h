// A residual layer is y = x + layer(x)  (He et al. 2016); both are of the same shape.
#ifndef DESCENT_CORE_MODEL_RESIDUAL_H_
#define DESCENT_CORE_MODEL_RESIDUAL_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Residual {
  static constexpr std::string_view kind = "residual";

  std::optional<LayerOptions> layer;  // required

  void Describe(FieldList& fields) { fields(Named("layer"), layer).Required("Give a layer."); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_RESIDUAL_H_
