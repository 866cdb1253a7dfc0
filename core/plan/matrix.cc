#include "core/plan/matrix.h"

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ATen/core/Tensor.h"
#include "ATen/ops/addmm.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/sum.h"
#include "c10/core/ScalarType.h"
#include "c10/core/TensorOptions.h"
#include "core/plan/kernel.h"
#include "core/plan/vector.h"

// The Fortran interface of the BLAS inside libtorch_cpu; null where LibTorch was built with another
// one. Matrices are column-major there: a row-major matrix is its transposed one.
extern "C" {
__attribute__((weak)) void sgemm_(const char* form_a, const char* form_b, const int* m,
                                  const int* n, const int* k, const float* alpha, const float* a,
                                  const int* lda, const float* b, const int* ldb, const float* beta,
                                  float* c, const int* ldc);
__attribute__((weak)) void dgemm_(const char* form_a, const char* form_b, const int* m,
                                  const int* n, const int* k, const double* alpha, const double* a,
                                  const int* lda, const double* b, const int* ldb,
                                  const double* beta, double* c, const int* ldc);
}

namespace descent::matrix {
namespace {

template <class T>
auto Gemm() {
  if constexpr (std::is_same_v<T, float>) return &sgemm_;
  if constexpr (std::is_same_v<T, double>) return &dgemm_;
}

// True if the BLAS, which counts dimensions in int, can take it.
bool Small(const at::Tensor& x) { return x.size(0) <= INT32_MAX && x.size(1) <= INT32_MAX; }

}  // namespace

template <class T>
void MultiplyBlocks(Form form_a, Block<const T> a, Form form_b, Block<const T> b, int64_t m,
                    int64_t n, int64_t k, T alpha, T beta, Block<T> c) {
  const bool transposed_a = form_a == Form::kTransposed, transposed_b = form_b == Form::kTransposed;
  if (sgemm_ != nullptr && dgemm_ != nullptr) {
    // In the BLAS's view this is c' = op(b)' op(a)'.
    const int columns = static_cast<int>(n), rows = static_cast<int>(m),
              inner = static_cast<int>(k), lda = static_cast<int>(b.stride),
              ldb = static_cast<int>(a.stride), ldc = static_cast<int>(c.stride);
    Gemm<T>()(transposed_b ? "T" : "N", transposed_a ? "T" : "N", &columns, &rows, &inner, &alpha,
              b.data, &lda, a.data, &ldb, &beta, c.data, &ldc);
    return;
  }
  const auto options = at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value);
  const auto view = [&](const T* data, int64_t rows, int64_t columns, int64_t stride) {
    return at::from_blob(const_cast<T*>(data), {rows, columns}, {stride, 1}, options);
  };
  const at::Tensor left =
      transposed_a ? view(a.data, k, m, a.stride).t() : view(a.data, m, k, a.stride);
  const at::Tensor right =
      transposed_b ? view(b.data, n, k, b.stride).t() : view(b.data, k, n, b.stride);
  at::Tensor result = view(c.data, m, n, c.stride);
  // A factor of 0 must not let through what was there, which may be NaN.
  if (beta == 0) result.zero_();
  at::addmm_out(result, result, left, right, beta, alpha);
}

template void MultiplyBlocks(Form, Block<const float>, Form, Block<const float>, int64_t, int64_t,
                             int64_t, float, float, Block<float>);
template void MultiplyBlocks(Form, Block<const double>, Form, Block<const double>, int64_t, int64_t,
                             int64_t, double, double, Block<double>);

void Multiply(Form form_a, const at::Tensor& a, Form form_b, const at::Tensor& b, double beta,
              const at::Tensor& c) {
  const bool transposed_a = form_a == Form::kTransposed, transposed_b = form_b == Form::kTransposed;
  const bool blas = sgemm_ != nullptr && dgemm_ != nullptr && Small(a) && Small(b);
  const bool done = blas && OnCpu(c, [&]<class T>(T*) {
                      // In the BLAS's view this is c' = op(b)' op(a)'.
                      const int m = static_cast<int>(c.size(1)), n = static_cast<int>(c.size(0)),
                                k = static_cast<int>(a.size(transposed_a ? 0 : 1));
                      const int lda = static_cast<int>(b.size(1)),
                                ldb = static_cast<int>(a.size(1));
                      const T one = 1, scale = static_cast<T>(beta);
                      Gemm<T>()(transposed_b ? "T" : "N", transposed_a ? "T" : "N", &m, &n, &k,
                                &one, b.const_data_ptr<T>(), &lda, a.const_data_ptr<T>(), &ldb,
                                &scale, c.mutable_data_ptr<T>(), &m);
                    });
  if (done) return;
  const at::Tensor left = transposed_a ? a.t() : a, right = transposed_b ? b.t() : b;
  at::Tensor result = c;
  if (beta == 0) {
    at::mm_out(result, left, right);
  } else {
    at::addmm_out(result, c, left, right);
  }
}

void FillRows(const at::Tensor& row, const at::Tensor& x) {
  const int64_t rows = x.size(0);
  const auto bytes = static_cast<int64_t>(row.nbytes());
  if (!x.is_cpu()) {
    x.copy_(row.expand_as(x));
    return;
  }
  const auto* from = static_cast<const char*>(row.const_data_ptr());
  auto* to = static_cast<char*>(x.mutable_data_ptr());
  for (int64_t r = 0; r < rows; ++r) std::memcpy(to + r * bytes, from, bytes);
}

void SumRows(const at::Tensor& x, const at::Tensor& sums) {
  const bool done = x.size(0) > 0 && OnCpu(x, [&]<class T>(T*) {
                      SumOfRows(x.const_data_ptr<T>(), x.size(0), x.size(1), x.size(1),
                                sums.mutable_data_ptr<T>());
                    });
  if (done) return;
  at::Tensor result = sums;
  at::sum_out(result, x, at::IntArrayRef{0});
}

}  // namespace descent::matrix
