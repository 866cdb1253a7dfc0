// Adafactor is a method like Adam whose memory for a matrix grows with rows + columns only.
#ifndef DESCENT_CORE_OPTIMIZER_ADAFACTOR_H_
#define DESCENT_CORE_OPTIMIZER_ADAFACTOR_H_

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <string_view>
#include <utility>

#include "ATen/core/Tensor.h"
#include "core/fields/fields.h"
#include "core/optimizer/element.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/number_count.h"
#include "core/optimizer/parameterwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Shazeer & Stern 2018, algorithms 4 and 5 without momentum, as torch.optim.Adafactor has
// it. For each parameter by itself, at step t with w = t^beta2_decay and rms(x) = |x|/√(numbers of
// x):
//   v ← v + w·(g² − v)
//   u = g/max(√v, epsilon)
//   x ← (1 − step_size·weight_decay)·x
//       − max(scale_floor, rms(x))·min(step_size, 1/√t)·u/max(1, rms(u)/clip_threshold)
// Of a matrix [rows, columns] not v itself is kept but the means r of its rows and c of its
// columns: v = r·c'/max(mean(r), epsilon); of a tensor with more dimensions that holds for the last
// two. So its state grows with rows + columns; one scratch tensor of the model's size holds u.
struct Adafactor {
  static constexpr std::string_view kind = "adafactor";

  Sequence step_size = 0.01;    // each ≥ 0
  double beta2_decay = -0.8;    // ≤ 0
  double epsilon = 0;           // ≥ 0; 0 means the machine epsilon of the parameters
  double scale_floor = 0.001;   // > 0, the least scale of a parameter
  double clip_threshold = 1;    // ≥ 1, of the root mean square of a step
  Sequence weight_decay = 0.0;  // each ≥ 0

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(NonPositive("beta2_decay"), beta2_decay);
    fields(NonNegative("epsilon"), epsilon);
    fields(Positive("scale_floor"), scale_floor);
    fields(AtLeastOne("clip_threshold"), clip_threshold);
    fields(NonNegative("weight_decay"), weight_decay);
  }

  // The pass over the numbers only keeps the gradient, of which Finish makes the direction.
  struct Rule {
    template <class T>
    void operator()(T&, const T& g, T& direction) const {
      direction = g;
    }
  };

  // An empty name means scratch memory: the direction is not saved.
  static ElementStates States(const Adafactor&) { return {{.name = ""}}; }
  static Rule At(const Present<Adafactor>&) { return {}; }

  // The second moments have shapes of their own: of a matrix they are kept by rows and columns.
  static OwnStatesOf<at::Tensor> OwnStates(const at::Tensor& x);
  template <ElementwiseAlgebra P>
  static OwnStatesOf<P> OwnStates(const P& x) {
    OwnStatesOf<P> states;
    states.emplace_back("variance", zeros_like(x));
    return states;
  }

  template <class P>
  static void Finish(const Present<Adafactor>& now, const OneParameter<P>& parameter) {
    P& direction = *parameter.states[0];
    const auto step = static_cast<double>(now.step());
    const double step_size = now[&Adafactor::step_size], decay = now[&Adafactor::weight_decay];
    const double size = std::sqrt(std::max(1.0, NumberCount(parameter.x)));
    const double scale_of_x = std::max(now->scale_floor, norm(parameter.x) / size);
    const double epsilon = now->epsilon > 0 ? now->epsilon : MachineEpsilon(parameter.x);
    const double weight = std::pow(step, now->beta2_decay);
    if (parameter.own.size() == 1) {
      Element<P> variance(parameter.own[0]), u(direction);
      variance += weight * (u * u - variance);
      u = u / max(sqrt(variance), epsilon);
    } else if constexpr (std::same_as<P, at::Tensor>) {
      ScaleByFactors(weight, epsilon, parameter.own[0], parameter.own[1], direction);
    }
    const double clip = std::max(1.0, norm(direction) / (size * now->clip_threshold));
    if (decay != 0) scale(1 - step_size * decay, parameter.x);
    axpy(-scale_of_x * std::min(step_size, 1 / std::sqrt(step)) / clip, direction, parameter.x);
  }

  DESCENT_PARAMETERWISE_OPTIMIZER(Adafactor)

 private:
  // Takes the gradient's squares into the means of rows […, rows, 1] and columns [… , 1, columns],
  // and divides the gradient by the root of their product.
  static void ScaleByFactors(double weight, double epsilon, at::Tensor& rows, at::Tensor& columns,
                             at::Tensor& gradient);
  static double MachineEpsilon(const at::Tensor& x);
  template <class P>
  static double MachineEpsilon(const P&) {
    return std::numeric_limits<double>::epsilon();
  }
};

extern template class internal::FlatUpdate<Adafactor::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ADAFACTOR_H_
