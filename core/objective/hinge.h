// The hinge loss asks the right class to win by a margin.
#ifndef DESCENT_CORE_OBJECTIVE_HINGE_H_
#define DESCENT_CORE_OBJECTIVE_HINGE_H_

#include <string_view>

#include "core/fields/fields.h"
#include "core/objective/loss.h"
#include "core/sequence/range.h"

namespace descent {

// The mean over the rows of Σ_{j ≠ y} max(0, margin − s_y + s_j)/classes, s being a row's scores
// and y its target (Crammer & Singer 2001; torch.nn.MultiMarginLoss). With one score a row, which
// speaks for class 1 against class 0, it is max(0, margin − s) for class 1 and max(0, margin + s)
// for class 0. Classes come last; every target counts.
struct Hinge {
  static constexpr std::string_view kind = "hinge";
  double margin = 1;
  void Describe(FieldList& fields) { fields(Positive("margin"), margin); }

  Loss Make() const;
  operator Loss() const { return MakeLoss(*this); }  // NOLINT(google-explicit-constructor)
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_HINGE_H_
