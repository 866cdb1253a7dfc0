// The loops over time of LSTM and GRU on CPU, forward and backward (recurrent.h has the formulas).
//
// Everything is [batch, time, columns] and contiguous; the products of a step are taken in place,
// with the rows of the batch `time·columns` apart. H is the hidden size. Any thread, on memory that
// nobody else uses.
#ifndef DESCENT_CORE_MODEL_RECURRENT_LOOPS_H_
#define DESCENT_CORE_MODEL_RECURRENT_LOOPS_H_

#include <cstdint>

#include "core/plan/vector.h"

namespace descent {

struct LstmLoops {
  static constexpr int64_t kGates = 4;
  int64_t batch, time, hidden;

  // How many elements are kept for the way back: cells and their tanh.
  int64_t kept() const { return 2 * batch * time * hidden; }
  // How many elements of scratch the way back needs.
  int64_t scratch() const { return (kSumElements * kGates + 2 * batch) * hidden; }

  // `gates` is on entry x weight_ih' + bias_ih, on exit the gates i, f, g, o after their functions.
  // w is weight_hh [4·H, H], b bias_hh [4·H].
  template <class T>
  void Forward(const T* w, const T* b, T* gates, T* kept, T* y) const;
  // `dgates` is the derivative by what `gates` was on entry.
  template <class T>
  void Backward(const T* dy, const T* w, const T* gates, const T* kept, const T* y, T* scratch,
                T* dgates, T* dw, T* db) const;
};

struct GruLoops {
  static constexpr int64_t kGates = 3;
  int64_t batch, time, hidden;

  // What is kept here is h weight_hh' + bias_hh.
  int64_t kept() const { return kGates * batch * time * hidden; }
  int64_t scratch() const { return (kSumElements * kGates + 4 * batch) * hidden; }

  // The gates are r, z, n. All else is the same, with 3·H.
  template <class T>
  void Forward(const T* w, const T* b, T* gates, T* kept, T* y) const;
  template <class T>
  void Backward(const T* dy, const T* w, const T* gates, const T* kept, const T* y, T* scratch,
                T* dgates, T* dw, T* db) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_RECURRENT_LOOPS_H_
