// SiLU is x·sigmoid(x), element-wise  (Elfwing, Uchibe & Doya 2018).
#ifndef DESCENT_CORE_MODEL_SILU_H_
#define DESCENT_CORE_MODEL_SILU_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Silu {
  static constexpr std::string_view kind = "silu";

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_SILU_H_
