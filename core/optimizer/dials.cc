#include "core/optimizer/dials.h"

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/state.h"
#include "core/sequence/settable.h"

namespace descent {

Dials::Dials(const std::vector<Hyperparameter>& hyperparameters) {
  for (const Hyperparameter& hyperparameter : hyperparameters) {
    Settable sequence(hyperparameter.sequence);
    sequence.Rewind();
    ThrowUnlessOk(sequence.Restrict(hyperparameter.range));
    Range turned = hyperparameter.turned;
    turned.field = hyperparameter.range.field;
    sequence.LimitTurns(turned);
    dials_.push_back({hyperparameter.range.field, sequence});
  }
  for (Dial& dial : dials_) list_.push_back(&dial);
}

void Dials::Use() {
  for (const Dial& dial : dials_) {
    const absl::Status status = dial.sequence.range().Check(dial.sequence.value());
    if (!status.ok()) {
      ThrowUnlessOk(absl::InvalidArgumentError(absl::StrCat(
          status.message(), " (at position ", dial.sequence.position(), " of the sequence)")));
    }
  }
  used_before_.clear();
  for (Dial& dial : dials_) {
    used_before_.push_back(dial.used);
    dial.used = dial.sequence.next();
  }
}

void Dials::Undo() {
  for (size_t i = 0; i < dials_.size(); ++i) {
    dials_[i].sequence.seek(dials_[i].sequence.position() - 1);
    dials_[i].used = used_before_[i];
  }
}

const Dial* StepSizeAmong(std::span<Dial* const> dials) {
  return dials.empty() || dials.front()->name != "step_size" ? nullptr : dials.front();
}

void ThrowUnlessOk(const absl::Status& status) {
  if (!status.ok()) throw std::invalid_argument(std::string(status.message()));
}

}  // namespace descent
