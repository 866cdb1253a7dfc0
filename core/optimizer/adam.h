// Adam steps along an average of the gradients, each number scaled by an average of its squares.
#ifndef DESCENT_CORE_OPTIMIZER_ADAM_H_
#define DESCENT_CORE_OPTIMIZER_ADAM_H_

#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/fused.h"
#include "core/optimizer/moments.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Kingma & Ba 2015, algorithm 1:
//   m ← beta1·m + (1 − beta1)·g        v ← beta2·v + (1 − beta2)·g²
//   x ← x − step_size·(m/(1 − Π beta1)) / (√(v/(1 − Π beta2)) + epsilon)
// The products Π run over the betas that were really used, so that a beta may be turned in mid-run.
struct Adam {
  static constexpr std::string_view kind = "adam";

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
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_sq) const {
      UpdateMoments(beta1, beta2, g, exp_avg, exp_avg_sq);
      x -= step_size * (exp_avg / (correction * sqrt(exp_avg_sq) + epsilon));
    }
    void Fused(at::Tensor& x, const at::Tensor& g, at::Tensor& exp_avg,
               at::Tensor& exp_avg_sq) const {
      fused::Adam({step_size, beta1, beta2, epsilon, correction, /*keep=*/1}, x, g, exp_avg,
                  exp_avg_sq);
    }
  };
  using Memory = BetaProducts;

  static ElementStates States(const Adam&) { return {{.name = "exp_avg"}, {.name = "exp_avg_sq"}}; }

  static Rule At(const Present<Adam>& now, Memory& products) {
    products.Use(now);
    return {now[&Adam::step_size] / (1 - products.first), now[&Adam::beta1], now[&Adam::beta2],
            now->epsilon, 1 / std::sqrt(1 - products.second)};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(Adam)
};

template <>
inline constexpr bool internal::kFused<Adam::Rule> = true;
extern template class internal::FlatUpdate<Adam::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADAM_H_
