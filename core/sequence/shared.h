// What the copies of a Settable, and the sequences made from it, have in common. Private to this
// folder.
#ifndef DESCENT_CORE_SEQUENCE_SHARED_H_
#define DESCENT_CORE_SEQUENCE_SHARED_H_

#include <optional>

#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

struct Sequence::Shared {
  Sequence schedule;  // never itself shared
  std::optional<double> override_value = {};
  Range range = {};
  Range turned = {};
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_SHARED_H_
