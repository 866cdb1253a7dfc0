// Matrix products and sums for plans, on memory that is there already.
//
// On CPU, matrices of float or double go straight to LibTorch's BLAS: for small ones at::mm_out
// spends more time on its way there than in it. Everything else goes through at::.
#ifndef DESCENT_CORE_PLAN_MATRIX_H_
#define DESCENT_CORE_PLAN_MATRIX_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace descent::matrix {

enum class Form : bool { kPlain, kTransposed };

// One matrix of row-major CPU memory in a larger array: `stride` elements from row to row.
template <class T>
struct Block {
  T* data;
  int64_t stride;
};

// c [m, n] ← alpha·op(a) op(b) + beta·c with op(a) [m, k] and op(b) [k, n]; float or double. For
// matrices in the middle of tensors; nothing overlaps c. All numbers fit into an int.
template <class T>
void MultiplyBlocks(Form form_a, Block<const T> a, Form form_b, Block<const T> b, int64_t m,
                    int64_t n, int64_t k, T alpha, T beta, Block<T> c);

// c ← op(a) op(b) + beta·c; two-dimensional, contiguous, of one dtype and device. beta: 0 (whatever
// c holds) or 1.
void Multiply(Form form_a, const at::Tensor& a, Form form_b, const at::Tensor& b, double beta,
              const at::Tensor& c);

// Each row of x [rows, columns] ← row [columns].
void FillRows(const at::Tensor& row, const at::Tensor& x);

// sums [columns] ← the sum of the rows of x [rows, columns].
void SumRows(const at::Tensor& x, const at::Tensor& sums);

}  // namespace descent::matrix

#endif  // DESCENT_CORE_PLAN_MATRIX_H_
