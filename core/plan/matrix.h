// Matrix products and sums for plans, on memory that is there already.
//
// On CPU, matrices of float or double go straight to LibTorch's BLAS, because for small ones
// at::mm_out spends more time on its way there than in it. Everything else goes through at::. Free
// functions; any thread, on memory that nobody else writes.
#ifndef DESCENT_CORE_PLAN_MATRIX_H_
#define DESCENT_CORE_PLAN_MATRIX_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace descent::matrix {

enum class Form : bool { kPlain, kTransposed };

// One matrix of row-major CPU memory in a larger array: it is `stride` elements from row to row.
template <class T>
struct Block {
  T* data;
  int64_t stride;
};

// Computes c [m, n] ← alpha·op(a) op(b) + beta·c with op(a) [m, k] and op(b) [k, n], in float or
// double, for matrices in the middle of tensors. Nothing overlaps c. All numbers fit into an int.
template <class T>
void MultiplyBlocks(Form form_a, Block<const T> a, Form form_b, Block<const T> b, int64_t m,
                    int64_t n, int64_t k, T alpha, T beta, Block<T> c);

// Computes c ← op(a) op(b) + beta·c for two-dimensional, contiguous tensors of one dtype and
// device. beta is 0 (whatever c holds) or 1.
void Multiply(Form form_a, const at::Tensor& a, Form form_b, const at::Tensor& b, double beta,
              const at::Tensor& c);

// Copies row [columns] into each row of x [rows, columns].
void FillRows(const at::Tensor& row, const at::Tensor& x);

// Writes into sums [columns] the sum of the rows of x [rows, columns].
void SumRows(const at::Tensor& x, const at::Tensor& sums);

}  // namespace descent::matrix

#endif  // DESCENT_CORE_PLAN_MATRIX_H_
