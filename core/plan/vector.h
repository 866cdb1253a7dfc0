// Loops over vectors of numbers in memory. Free functions; any thread, on memory that nobody else
// writes.
#ifndef DESCENT_CORE_PLAN_VECTOR_H_
#define DESCENT_CORE_PLAN_VECTOR_H_

#include <cstdint>

namespace descent {

// Adds y ← y + x.
void AddTo(const float* x, int64_t count, float* y);
void AddTo(const double* x, int64_t count, double* y);

// Sums over the rows of an array, `stride` elements from one to the next, are taken in double and
// in the order of the rows: serial float32 sums of 20,000 rows lose four bits and more.
//
// This writes into `sums` Σ x[r·stride .. + columns) for r < rows; rows ≥ 1.
void SumOfRows(const float* x, int64_t rows, int64_t stride, int64_t columns, float* sums);
void SumOfRows(const double* x, int64_t rows, int64_t stride, int64_t columns, double* sums);

// Writes into `sums` the sum of the rows that `places` lists, which is 0 for none.
void SumOfListed(const float* x, const int64_t* places, int64_t count, int64_t columns,
                 float* sums);
void SumOfListed(const double* x, const int64_t* places, int64_t count, int64_t columns,
                 double* sums);

// So many elements, of float or double, hold a double: for such sums in a layer's scratch.
inline constexpr int64_t kSumElements = 2;

// Adds the sum of the rows to `sums`.
void AddRowsTo(const float* x, int64_t rows, int64_t stride, int64_t columns, double* sums);
void AddRowsTo(const double* x, int64_t rows, int64_t stride, int64_t columns, double* sums);

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_VECTOR_H_
