// The bias correction that Adam and its relatives have in common.
#ifndef DESCENT_CORE_OPTIMIZER_MOMENTS_H_
#define DESCENT_CORE_OPTIMIZER_MOMENTS_H_

#include <string_view>
#include <utility>
#include <vector>

#include "core/optimizer/elementwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// The products of the betas that were really used, from which averages that began at zero are made
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
