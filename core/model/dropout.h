// Dropout sets each number to 0 with probability p in training, and divides it by 1 − p otherwise;
// in inference y = x (Srivastava et al. 2014).
#ifndef DESCENT_CORE_MODEL_DROPOUT_H_
#define DESCENT_CORE_MODEL_DROPOUT_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/sequence/range.h"

namespace descent {

// x and y are [batch, …]. What is dropped is a function of the model's seed, the layer's path, the
// iteration, and the place in the batch.
struct Dropout {
  static constexpr std::string_view kind = "dropout";
  static constexpr bool takes_indices = true;

  double p = 0.5;  // in [0, 1)

  void Describe(FieldList& fields) { fields(UnitInterval("p"), p); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_DROPOUT_H_
