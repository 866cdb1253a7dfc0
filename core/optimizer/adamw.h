// AdamW is Adam with decoupled weight decay: the decay does not go through the averages.
#ifndef DESCENT_CORE_OPTIMIZER_ADAMW_H_
#define DESCENT_CORE_OPTIMIZER_ADAMW_H_

#include <cmath>
#include <string_view>
#include <utility>

#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/fused.h"
#include "core/optimizer/moments.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Loshchilov & Hutter 2019, as torch.optim.AdamW has it: x ← x − step_size·weight_decay·x,
// then Adam's step (adam.h).
struct AdamW {
  static constexpr std::string_view kind = "adamw";

  Sequence step_size = 0.001;    // each ≥ 0
  Sequence beta1 = 0.9;          // each in [0, 1)
  Sequence beta2 = 0.999;        // each in [0, 1)
  double epsilon = 1e-8;         // > 0
  Sequence weight_decay = 0.01;  // each ≥ 0

  void Describe(FieldList& fields) {
    DescribeAdam(*this, fields);
    fields(NonNegative("weight_decay"), weight_decay);
  }

  struct Rule {
    double step_size;  // the dial's number divided by 1 − Π beta1
    double beta1, beta2, epsilon;
    double correction;  // 1/√(1 − Π beta2)
    double keep;        // 1 − step_size·weight_decay

    template <class T>
    void operator()(T& x, const T& g, T& exp_avg, T& exp_avg_sq) const {
      UpdateMoments(beta1, beta2, g, exp_avg, exp_avg_sq);
      x = keep * x - step_size * (exp_avg / (correction * sqrt(exp_avg_sq) + epsilon));
    }
    void Fused(at::Tensor& x, const at::Tensor& g, at::Tensor& exp_avg,
               at::Tensor& exp_avg_sq) const {
      fused::Adam({step_size, beta1, beta2, epsilon, correction, keep}, x, g, exp_avg, exp_avg_sq);
    }
  };
  using Memory = BetaProducts;

  static ElementStates States(const AdamW&) {
    return {{.name = "exp_avg"}, {.name = "exp_avg_sq"}};
  }

  static Rule At(const Present<AdamW>& now, Memory& products) {
    products.Use(now);
    const double step_size = now[&AdamW::step_size];
    return {step_size / (1 - products.first),
            now[&AdamW::beta1],
            now[&AdamW::beta2],
            now->epsilon,
            1 / std::sqrt(1 - products.second),
            1 - step_size * now[&AdamW::weight_decay]};
  }

  DESCENT_ELEMENTWISE_OPTIMIZER(AdamW)
};

template <>
inline constexpr bool internal::kFused<AdamW::Rule> = true;
extern template class internal::FlatUpdate<AdamW::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADAMW_H_
