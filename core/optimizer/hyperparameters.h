// How the fields that an optimizer declares (core/fields) reach its method: the sequences among
// them become dials.
//
// The step size is declared first. Besides what core/fields knows, a field may be a LineSearch.
// Free functions; any thread.
#ifndef DESCENT_CORE_OPTIMIZER_HYPERPARAMETERS_H_
#define DESCENT_CORE_OPTIMIZER_HYPERPARAMETERS_H_

#include <concepts>
#include <vector>

#include "core/fields/fields.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/line_search.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// Gives the fields that become dials. The result refers to the fields of `options`.
template <Declared O>
std::vector<Hyperparameter> SequencesOf(const O& options) {
  std::vector<Hyperparameter> sequences;
  for (const Field& field : FieldsOf(options)) {
    if (const auto* sequence = field.As<Sequence>()) {
      sequences.push_back({field.range(), *sequence, field.turned()});
    }
  }
  return sequences;
}

// Declares a step size that has no default.
inline void DescribeStepSize(FieldList& fields, Sequence& step_size) {
  fields(NonNegative("step_size"), step_size).Required("This optimizer needs a step size.");
}

// Makes an `O` with its defaults. A required step size, which has none, is 0.
template <Declared O>
O Defaults() {
  if constexpr (std::default_initializable<O>) {
    return O{};
  } else {
    return O{.step_size = 0.0};
  }
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_HYPERPARAMETERS_H_
