#include "core/optimizer/factors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/plan/kernel.h"
#include "core/plan/reduce.h"

namespace descent::factors {
namespace {

// Sums the squares. The sums over rows, of which there may be many, are taken in double.
template <class T>
[[gnu::always_inline]] inline void Sum(const T* g, int64_t rows, int64_t columns, T* by_row,
                                       double* by_column) {
  std::fill_n(by_column, columns, 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = g + r * columns;
    by_row[r] = SumOf<T>(columns, [=](int64_t c) { return row[c] * row[c]; });
    for (int64_t c = 0; c < columns; ++c) by_column[c] += static_cast<double>(row[c] * row[c]);
  }
}
DESCENT_VECTORIZED void SumSquares(const float* g, int64_t rows, int64_t columns, float* by_row,
                                   double* by_column) {
  Sum(g, rows, columns, by_row, by_column);
}
DESCENT_VECTORIZED void SumSquares(const double* g, int64_t rows, int64_t columns, double* by_row,
                                   double* by_column) {
  Sum(g, rows, columns, by_row, by_column);
}

// Divides g ← g/√max(by_row·by_column, least); a number that is NaN stays so.
template <class T>
[[gnu::always_inline]] inline void Divide(const T* by_row, const T* by_column, T least,
                                          int64_t rows, int64_t columns, T* g) {
  for (int64_t r = 0; r < rows; ++r) {
    T* row = g + r * columns;
    const T factor = by_row[r];
    for (int64_t c = 0; c < columns; ++c) {
      const T variance = factor * by_column[c];
      row[c] /= std::sqrt(variance < least ? least : variance);
    }
  }
}
DESCENT_VECTORIZED void DivideByRoots(const float* by_row, const float* by_column, float least,
                                      int64_t rows, int64_t columns, float* g) {
  Divide(by_row, by_column, least, rows, columns, g);
}
DESCENT_VECTORIZED void DivideByRoots(const double* by_row, const double* by_column, double least,
                                      int64_t rows, int64_t columns, double* g) {
  Divide(by_row, by_column, least, rows, columns, g);
}

// Gives average + weight·(mean − average), as at::lerp computes it.
template <class T>
T Moved(T average, T mean, T weight) {
  return weight < T{0.5} ? average + weight * (mean - average)
                         : mean - (mean - average) * (T{1} - weight);
}

template <class T>
void ScaleMatrix(double weight, double epsilon, int64_t rows, int64_t columns, T* row_means,
                 T* column_means, T* g) {
  std::vector<T> by_row(static_cast<size_t>(rows));
  std::vector<double> by_column(static_cast<size_t>(columns));
  SumSquares(g, rows, columns, by_row.data(), by_column.data());
  const T w = static_cast<T>(weight);
  double sum = 0;
  for (int64_t r = 0; r < rows; ++r) {
    row_means[r] = Moved(row_means[r], by_row[r] / static_cast<T>(columns), w);
    sum += static_cast<double>(row_means[r]);
  }
  for (int64_t c = 0; c < columns; ++c) {
    column_means[c] =
        Moved(column_means[c],
              static_cast<T>(by_column[static_cast<size_t>(c)] / static_cast<double>(rows)), w);
  }
  const T mean = static_cast<T>(sum / static_cast<double>(rows)), least = static_cast<T>(epsilon);
  const T divisor = mean < least ? least : mean;
  for (int64_t r = 0; r < rows; ++r) by_row[r] = row_means[r] / divisor;
  DivideByRoots(by_row.data(), column_means, static_cast<T>(epsilon * epsilon), rows, columns, g);
}

}  // namespace

bool Scale(double weight, double epsilon, const at::Tensor& rows, const at::Tensor& columns,
           const at::Tensor& g) {
  if (!rows.is_contiguous() || !columns.is_contiguous() || !g.is_contiguous()) return false;
  const int64_t height = g.size(-2), width = g.size(-1);
  return OnCpu(g, [&]<class T>(T*) {
    T* row_means = rows.mutable_data_ptr<T>();
    T* column_means = columns.mutable_data_ptr<T>();
    T* matrix = g.mutable_data_ptr<T>();
    for (int64_t left = g.numel(); left > 0; left -= height * width) {
      ScaleMatrix(weight, epsilon, height, width, row_means, column_means, matrix);
      row_means += height;
      column_means += width;
      matrix += height * width;
    }
  });
}

}  // namespace descent::factors
