// GELU is x·Φ(x) with the normal distribution function Φ, element-wise  (Hendrycks & Gimpel 2016).
#ifndef DESCENT_CORE_MODEL_GELU_H_
#define DESCENT_CORE_MODEL_GELU_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Gelu {
  static constexpr std::string_view kind = "gelu";

  bool tanh = false;  // true: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))

  void Describe(FieldList& fields) { fields(Flag("tanh"), tanh); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_GELU_H_
