// `ObjectiveDials` are the dials that an objective brings along (the weights of its terms), counted
// with a run's steps. Such an objective has
//   std::vector<…> dials() const            each with a `range` and a `sequence`
//   void weigh(std::span<const double>)     the numbers for the evaluations to come, in that order
//
// A weight at position k counts in the evaluation of iteration k, and so in the step to k + 1. If
// it is turned in between, the objective is another one, and is evaluated again before the step.
// Not thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_OBJECTIVE_DIALS_H_
#define DESCENT_CORE_OPTIMIZER_OBJECTIVE_DIALS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/optimizer/dials.h"
#include "core/optimizer/state.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

template <class F>
concept HasDials = requires(F& objective, const F& same, std::span<const double> numbers) {
  same.dials().begin()->range;
  same.dials().begin()->sequence;
  objective.weigh(numbers);
};

struct ObjectiveDial {
  Range range;
  Sequence sequence;
};

class ObjectiveDials {
 public:
  // Throws std::invalid_argument naming the dial that is out of its range.
  explicit ObjectiveDials(const std::vector<ObjectiveDial>& dials) : dials_(Listed(dials)) {
    numbers_.resize(dials_.list().size());
  }

  std::span<Dial* const> list() { return dials_.list(); }

  // Gives the objective the present numbers. True if it had others before.
  template <class Objective>
  bool Weigh(Objective& objective) {
    bool turned = false;
    for (size_t i = 0; i < numbers_.size(); ++i) {
      const double present = list()[i]->sequence.value();
      turned = turned || present != numbers_[i];
      numbers_[i] = present;
    }
    if (!numbers_.empty()) objective.weigh(numbers_);
    return turned;
  }

  void Use() { dials_.Use(); }
  void Undo() { dials_.Undo(); }
  template <class X>
  void Visit(StateVisitor<X>& visitor) {
    dials_.Visit(visitor);
  }

 private:
  static Dials Listed(const std::vector<ObjectiveDial>& dials) {
    std::vector<Hyperparameter> list;
    for (const ObjectiveDial& dial : dials) list.push_back({dial.range, dial.sequence});
    return Dials(list);
  }

  Dials dials_;
  std::vector<double> numbers_;  // the weights of the last evaluation
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_OBJECTIVE_DIALS_H_
