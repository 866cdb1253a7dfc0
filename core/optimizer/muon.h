// Muon steps by a nearly orthogonal matrix in place of the momentum, so that no direction
// dominates.
#ifndef DESCENT_CORE_OPTIMIZER_MUON_H_
#define DESCENT_CORE_OPTIMIZER_MUON_H_

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <utility>

#include "ATen/core/Tensor.h"
#include "core/fields/fields.h"
#include "core/optimizer/element_state.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/number_count.h"
#include "core/optimizer/parameterwise.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Jordan et al. 2024, as torch.optim.Muon has it:
//   m ← momentum·m + (1 − momentum)·g      u = momentum·m + (1 − momentum)·g, or m without nesterov
//   x ← (1 − step_size·weight_decay)·x − step_size·r·u
// where each matrix [rows, columns] of u is made nearly orthogonal by a few Newton–Schulz
// iterations, in the parameter's own precision, and r = √max(1, rows/columns). Parameters that are
// no matrices have r = vector_ratio and are scaled to root mean square 1 instead; so has the
// element of a space without tensors, which can't say what its matrices are.
struct Muon {
  static constexpr std::string_view kind = "muon";

  Sequence step_size = 0.001;   // each ≥ 0
  Sequence momentum = 0.95;     // each in [0, 1)
  Sequence weight_decay = 0.1;  // each ≥ 0
  bool nesterov = true;
  int64_t iterations = 5;     // ≥ 1, of Newton–Schulz
  double epsilon = 1e-7;      // > 0, the least norm of a direction
  double vector_ratio = 0.2;  // ≥ 0

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("momentum"), momentum);
    fields(NonNegative("weight_decay"), weight_decay);
    fields(Named("nesterov"), nesterov);
    fields(AtLeastOne("iterations"), iterations);
    fields(Positive("epsilon"), epsilon);
    fields(NonNegative("vector_ratio"), vector_ratio);
  }

  struct Rule {
    double momentum, keep;
    bool nesterov;

    template <class T>
    void operator()(T& x, const T& g, T& average, T& direction) const {
      average = momentum * average + (1 - momentum) * g;
      if (nesterov) {
        direction = momentum * average + (1 - momentum) * g;
      } else {
        direction = average;
      }
      x = keep * x;
    }
  };

  // An empty name means scratch memory: the direction is not saved.
  static ElementStates States(const Muon&) { return {{.name = "momentum"}, {.name = ""}}; }

  static Rule At(const Present<Muon>& now) {
    return {now[&Muon::momentum], 1 - now[&Muon::step_size] * now[&Muon::weight_decay],
            now->nesterov};
  }

  template <class P>
  static OwnStatesOf<P> OwnStates(const P&) {
    return {};
  }

  template <class P>
  static void Finish(const Present<Muon>& now, const OneParameter<P>& parameter) {
    const P& direction = *parameter.states[1];
    const double step_size = now[&Muon::step_size];
    if constexpr (std::same_as<P, at::Tensor>) {
      if (parameter.x.dim() == 2) {
        return MoveMatrix(*now.operator->(), step_size, direction, parameter.x);
      }
    }
    const double size = std::sqrt(std::max(1.0, NumberCount(parameter.x)));
    axpy(-step_size * now->vector_ratio * size / std::max(norm(direction), now->epsilon), direction,
         parameter.x);
  }

  DESCENT_PARAMETERWISE_OPTIMIZER(Muon)

 private:
  static void MoveMatrix(const Muon& options, double step_size, const at::Tensor& direction,
                         at::Tensor& x);
};

extern template class internal::FlatUpdate<Muon::Rule>;

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_MUON_H_
