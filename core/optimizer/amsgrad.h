// AMSGrad is Adam whose scaling never shrinks.
#ifndef DESCENT_CORE_OPTIMIZER_AMSGRAD_H_
#define DESCENT_CORE_OPTIMIZER_AMSGRAD_H_

#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/moments.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Reddi, Kale & Kumar 2018, as torch.optim.Adam(amsgrad=True) has it: Adam (adam.h) with
// the greatest second moment so far, u ← max(u, v), in place of the present one.
struct AmsGrad {
  static constexpr std::string_view kind = "amsgrad";

  Sequence step_size = 0.001;  // each ≥ 0
  Sequence beta1 = 0.9;        // each in [0, 1)
  Sequence beta2 = 0.999;      // each in [0, 1)
  double epsilon = 1e-8;       // > 0

  void Describe(FieldList& fields) { DescribeAdam(*this, fields); }

  struct Rule {
    double step_size;  // the dial's number divided by 1 − Π beta1
    double beta1, beta2, epsilon;
    double correction;  // 1/√(1 − Π beta2)

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_sq, T& max_exp_avg_sq) const {
      UpdateMoments(beta1, beta2, g, exp_avg, exp_avg_sq);
      max_exp_avg_sq = max(max_exp_avg_sq, exp_avg_sq);
      x -= step_size * (exp_avg / (correction * sqrt(max_exp_avg_sq) + epsilon));
    }
  };
  using Memory = BetaProducts;

  static ElementStates States(const AmsGrad&) {
    return {{.name = "exp_avg"}, {.name = "exp_avg_sq"}, {.name = "max_exp_avg_sq"}};
  }

  static Rule At(const Present<AmsGrad>& now, Memory& products) {
    products.Use(now);
    return {now[&AmsGrad::step_size] / (1 - products.first), now[&AmsGrad::beta1],
            now[&AmsGrad::beta2], now->epsilon, 1 / std::sqrt(1 - products.second)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(AmsGrad)
};

extern template class internal::FlatUpdate<AmsGrad::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_AMSGRAD_H_
