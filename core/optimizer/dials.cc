#include "core/optimizer/dials.h"

#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/optimizer/state.h"
#include "core/sequence/settable.h"

namespace descent {

Dials::Dials(std::initializer_list<Hyperparameter> hyperparameters) {
  for (const Hyperparameter& hyperparameter : hyperparameters) {
    Settable sequence(hyperparameter.sequence);
    sequence.seek(0);
    ThrowUnlessOk(sequence.Restrict(hyperparameter.range));
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
  for (Dial& dial : dials_) dial.used = dial.sequence.next();
}

absl::Status Validate(std::initializer_list<Hyperparameter> hyperparameters) {
  for (const Hyperparameter& hyperparameter : hyperparameters) {
    absl::Status status = hyperparameter.sequence.Validate(hyperparameter.range);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void ThrowUnlessOk(const absl::Status& status) {
  if (!status.ok()) throw std::invalid_argument(std::string(status.message()));
}

}  // namespace descent
