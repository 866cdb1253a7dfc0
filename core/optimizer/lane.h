// `Lane` is a number of flat memory as an operand of a formula; `Update` applies an update rule to
// such memory in one pass.
//
// The loop is compiled for several instruction sets and the machine's best is taken. That never
// changes bits: every operation is correctly rounded, whatever the width, as long as the compiler
// does not contract a·b + c into one. Everything here is compiled so (-ffp-contract=off in
// .bazelrc), and a program elsewhere that uses a rule of its own does well to be. The rules that
// rules.cc names are compiled with flags for speed besides. Free functions; any thread.
#ifndef DESCENT_CORE_OPTIMIZER_LANE_H_
#define DESCENT_CORE_OPTIMIZER_LANE_H_

#include <cmath>
#include <concepts>
#include <cstdint>

namespace descent {

// Coefficients are doubles that are rounded to T before they meet a number of memory: the loop
// converts nothing, which the other operations would wait for.
template <std::floating_point T>
struct Lane {
  T v;

  Lane& operator+=(Lane other) { return *this = *this + other; }
  Lane& operator-=(Lane other) { return *this = *this - other; }

  friend Lane operator+(Lane a, Lane b) { return {a.v + b.v}; }
  friend Lane operator-(Lane a, Lane b) { return {a.v - b.v}; }
  friend Lane operator-(Lane a) { return {-a.v}; }
  friend Lane operator*(Lane a, Lane b) { return {a.v * b.v}; }
  friend Lane operator/(Lane a, Lane b) { return {a.v / b.v}; }
  friend Lane operator*(double a, Lane b) { return {static_cast<T>(a) * b.v}; }
  friend Lane operator+(Lane a, double b) { return {a.v + static_cast<T>(b)}; }
  friend Lane operator+(double a, Lane b) { return {static_cast<T>(a) + b.v}; }
  friend Lane operator-(double a, Lane b) { return {static_cast<T>(a) - b.v}; }
  friend Lane operator-(Lane a, double b) { return {a.v - static_cast<T>(b)}; }
  friend Lane sqrt(Lane a) { return {std::sqrt(a.v)}; }
  friend Lane abs(Lane a) { return {std::abs(a.v)}; }
  // Gives what at::sign does: 0 for NaN.
  friend Lane sign(Lane a) { return {a.v > 0 ? T(1) : a.v < 0 ? T(-1) : T(0)}; }
  // Gives what at::maximum does: NaN if either is.
  friend Lane max(Lane a, Lane b) { return {a.v < b.v || b.v != b.v ? b.v : a.v}; }
  friend Lane max(Lane a, double b) { return max(a, Lane{static_cast<T>(b)}); }
  friend Lane min(Lane a, double b) { return -max(-a, -b); }
};

namespace internal {

// Each loop applies rule(x_i, g_i, state_i…) for each i < n. The ranges must not overlap.
#ifdef __clang__
#define DESCENT_AVX512 "avx512f,avx512dq,avx512vl"
#else
#define DESCENT_AVX512 "avx512f,avx512dq,avx512vl,prefer-vector-width=512"
#endif
#define DESCENT_UPDATE_LOOP(name, instruction_set)                                           \
  template <class T, class Rule, class... State>                                             \
  instruction_set __attribute__((flatten)) void name(const Rule& given, int64_t n,           \
                                                     T* __restrict x, const T* __restrict g, \
                                                     State* __restrict... state) {           \
    const Rule rule = given; /* nothing that is written to can change it */                  \
    for (int64_t i = 0; i < n; ++i) {                                                        \
      Lane<T> x_i{x[i]};                                                                     \
      const Lane<T> g_i{g[i]};                                                               \
      [&](auto... state_i) __attribute__((always_inline)) {                                  \
        rule(x_i, g_i, state_i...);                                                          \
        x[i] = x_i.v;                                                                        \
        ((state[i] = state_i.v), ...);                                                       \
      }(Lane<T>{state[i]}...);                                                               \
    }                                                                                        \
  }

DESCENT_UPDATE_LOOP(UpdatePortably, )
#if defined(__x86_64__)
DESCENT_UPDATE_LOOP(UpdateByAvx2, __attribute__((target("avx2"))))
DESCENT_UPDATE_LOOP(UpdateByAvx512, __attribute__((target(DESCENT_AVX512))))
#endif
#undef DESCENT_UPDATE_LOOP
#undef DESCENT_AVX512

// Runs the loop by the machine's widest instructions.
template <class T, class Rule, class... State>
void Update(const Rule& rule, int64_t n, T* x, const T* g, State*... state) {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f") &&
                             __builtin_cpu_supports("avx512dq") &&
                             __builtin_cpu_supports("avx512vl");
  static const bool avx2 = __builtin_cpu_supports("avx2");
  if (avx512) return UpdateByAvx512<T>(rule, n, x, g, state...);
  if (avx2) return UpdateByAvx2<T>(rule, n, x, g, state...);
#endif
  UpdatePortably<T>(rule, n, x, g, state...);
}

}  // namespace internal
}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_LANE_H_
