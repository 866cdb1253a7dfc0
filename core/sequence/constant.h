// A constant is one number for ever.
#ifndef DESCENT_CORE_SEQUENCE_CONSTANT_H_
#define DESCENT_CORE_SEQUENCE_CONSTANT_H_

#include "core/sequence/sequence.h"

namespace descent {

inline Sequence constant(double value) { return Sequence(value); }

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_CONSTANT_H_
