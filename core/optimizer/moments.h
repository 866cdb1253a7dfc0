// What Adam and its relatives have in common: hyperparameters, two averages, and their bias.
#ifndef DESCENT_CORE_OPTIMIZER_MOMENTS_H_
#define DESCENT_CORE_OPTIMIZER_MOMENTS_H_

#include <string_view>
#include <utility>
#include <vector>

#include "core/fields/fields.h"
#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// Declares Adam's hyperparameters, for whoever has them among its own.
template <class O>
void DescribeAdam(O& options, FieldList& fields) {
  fields(NonNegative("step_size"), options.step_size);
  fields(UnitInterval("beta1"), options.beta1);
  fields(UnitInterval("beta2"), options.beta2);
  fields(Positive("epsilon"), options.epsilon);
}

// Updates the averages of the gradient and of its square (Kingma & Ba 2015, algorithm 1):
//   m ← beta1·m + (1 − beta1)·g        v ← beta2·v + (1 − beta2)·g²
template <class T>
void UpdateMoments(double beta1, double beta2, const T& g, T& m, T& v) {
  m = beta1 * m + (1 - beta1) * g;
  v = beta2 * v + (1 - beta2) * (g * g);
}

// The products of the betas that were really used. By them averages that began at zero are made
// unbiased: with constant betas they are the papers' powers, and turning a beta in mid-run keeps
// the averages unbiased.
struct BetaProducts {
  double first = 1;
  double second = 1;

  template <class Self, class Visit>
  static void Describe(Self& self, Visit&& visit) {
    visit("beta1.product", self.first);
    visit("beta2.product", self.second);
  }

  // Counts this step's betas.
  template <class O>
  void Use(const Present<O>& now) {
    first *= now[&O::beta1];
    second *= now[&O::beta2];
  }
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_MOMENTS_H_
