// The loops over time of LSTM and GRU on CPU, forward and backward (recurrent.h has the formulas).
//
// Everything is [batch, time, columns] and contiguous; the products of a step are taken in place,
// with the rows of the batch `time·columns` apart. H: hidden size.
#ifndef DESCENT_CORE_MODEL_RECURRENT_LOOPS_H_
#define DESCENT_CORE_MODEL_RECURRENT_LOOPS_H_

#include <cstdint>

#include "core/plan/vector.h"

namespace descent {

struct LstmLoops {
  static constexpr int64_t kGates = 4;
  int64_t batch, time, hidden;

  // Elements of what is kept for the way back: cells and their tanh.
  int64_t kept() const { return 2 * batch * time * hidden; }
  // Elements of scratch for the way back.
  int64_t scratch() const { return (kSumElements * kGates + 2 * batch) * hidden; }

  // gates: on entry x weight_ih' + bias_ih, on exit the gates i, f, g, o after their functions.
  // w: weight_hh [4·H, H], b: bias_hh [4·H].
  template <class T>
  void Forward(const T* w, const T* b, T* gates, T* kept, T* y) const;
  // dgates: the derivative by what `gates` was on entry.
  template <class T>
  void Backward(const T* dy, const T* w, const T* gates, const T* kept, const T* y, T* scratch,
                T* dgates, T* dw, T* db) const;
};

struct GruLoops {
  static constexpr int64_t kGates = 3;
  int64_t batch, time, hidden;

  // h weight_hh' + bias_hh.
  int64_t kept() const { return kGates * batch * time * hidden; }
  int64_t scratch() const { return (kSumElements * kGates + 4 * batch) * hidden; }

  // gates: r, z, n. The same otherwise, with 3·H.
  template <class T>
  void Forward(const T* w, const T* b, T* gates, T* kept, T* y) const;
  template <class T>
  void Backward(const T* dy, const T* w, const T* gates, const T* kept, const T* y, T* scratch,
                T* dgates, T* dw, T* db) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_RECURRENT_LOOPS_H_
