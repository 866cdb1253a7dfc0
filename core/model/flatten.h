// Flatten makes [batch, d1·d2·…] of [batch, d1, d2, …].
#ifndef DESCENT_CORE_MODEL_FLATTEN_H_
#define DESCENT_CORE_MODEL_FLATTEN_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"

namespace descent {

struct Flatten {
  static constexpr std::string_view kind = "flatten";
  static constexpr bool takes_indices = true;

  void Describe(FieldList&) {}
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_FLATTEN_H_
