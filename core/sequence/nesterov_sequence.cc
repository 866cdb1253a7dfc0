#include "core/sequence/nesterov_sequence.h"

#include <cmath>
#include <cstdint>

#include "core/sequence/sequence.h"

namespace descent {
namespace {

double Next(double t) { return (1 + std::sqrt(1 + 4 * t * t)) / 2; }

// Gives t_k by the recursion from where it was asked for last, so that any way to a position gives
// the same bits.
class Recursion {
 public:
  double operator()(int64_t position) {
    if (position < position_) position_ = 0, t_ = 1;
    for (; position_ < position; ++position_) t_ = Next(t_);
    return (t_ - 1) / Next(t_);
  }

 private:
  int64_t position_ = 0;
  double t_ = 1;
};

}  // namespace

Sequence nesterov_sequence() {
  // All numbers are below 1: (t − 1)/t_next < 1. The greatest double below 1 stands for the
  // supremum.
  return Sequence([recursion = Recursion()](int64_t k) mutable { return recursion(k); },
                  Sequence::Bounds{0, std::nextafter(1.0, 0.0)});
}

}  // namespace descent
