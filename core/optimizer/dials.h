// `Dials` are the dials of a run: made from an optimizer's sequences, range-checked, and counted
// together. The methods use them. Not thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_DIALS_H_
#define DESCENT_CORE_OPTIMIZER_DIALS_H_

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/optimizer/state.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// A hyperparameter as its optimizer declares it.
struct Hyperparameter {
  Range range;
  const Sequence& sequence;
  // The range in which its dial may be turned; the schedule need not keep to it.
  Range turned = range;
};

class Dials {
 public:
  // Rewinds each sequence to its beginning and restricts it to its range. Throws
  // std::invalid_argument naming the field if one doesn't keep to it.
  Dials(std::initializer_list<Hyperparameter> hyperparameters)
      : Dials(std::vector<Hyperparameter>(hyperparameters)) {}
  explicit Dials(const std::vector<Hyperparameter>& hyperparameters);
  Dials(Dials&&) noexcept = default;
  Dials& operator=(Dials&&) noexcept = default;

  // Counts a step: the values at the present position become `used`. Throws std::invalid_argument
  // naming the field and position, with nothing counted, if a sequence gives a number out of its
  // range.
  void Use();
  // Takes the last Use() back, with the values used before, because the step could not be made.
  void Undo();
  double used(size_t dial) const { return *list_[dial]->used; }

  // The addresses stay as long as the dials live, also when they are moved.
  std::span<Dial* const> list() { return list_; }

  // Shows positions, overrides, used values, and what was observed: `step_size.position` and so on.
  template <class X>
  void Visit(StateVisitor<X>& visitor);

 private:
  std::vector<Dial> dials_;
  std::vector<Dial*> list_;
  std::vector<std::optional<double>> used_before_;
};

// Gives the step size among a method's dials, which is the first of them, or null if there is none.
const Dial* StepSizeAmong(std::span<Dial* const> dials);

// Throws std::invalid_argument with the status's message unless it is OK: programs that use the
// library directly get exceptions, the service gets statuses.
void ThrowUnlessOk(const absl::Status& status);

template <class X>
void Dials::Visit(StateVisitor<X>& visitor) {
  for (Dial& dial : dials_) {
    Settable::State state = dial.sequence.state();
    int64_t overridden = state.override_value.has_value(), used = dial.used.has_value();
    double override_value = state.override_value.value_or(0), used_value = dial.used.value_or(0);
    visitor.Integer(dial.name + ".position", state.position);
    visitor.Integer(dial.name + ".overridden", overridden);
    visitor.Number(dial.name + ".override", override_value);
    visitor.Integer(dial.name + ".has_used", used);
    visitor.Number(dial.name + ".used", used_value);
    if (const Sequence::Feedback* feedback = dial.sequence.feedback()) {
      visitor.Integer(dial.name + ".observed", state.memory.observed);
      for (size_t i = 0; i < feedback->names.size(); ++i) {
        visitor.Number(dial.name + "." + feedback->names[i], state.memory.state[i]);
      }
    }
    state.override_value = overridden ? std::optional(override_value) : std::nullopt;
    ThrowUnlessOk(dial.sequence.Restore(state));
    dial.used = used ? std::optional(used_value) : std::nullopt;
  }
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_DIALS_H_
