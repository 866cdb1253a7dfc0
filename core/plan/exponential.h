// The exponential function and what is made of it, as expressions that vectorize in a loop
// (`DESCENT_VECTORIZED`): a call of std::exp does not. In double they are those of the library.
#ifndef DESCENT_CORE_PLAN_EXPONENTIAL_H_
#define DESCENT_CORE_PLAN_EXPONENTIAL_H_

#include <cmath>
#include <cstdint>

namespace descent {

// Gives exp(x) for x ≤ 88; from −87 down that of −87, which is next to nothing. It is Cody–Waite
// reduction by ln 2 and Cephes' polynomial (expf.c), with an error below 2 units in the last place.
// NaN passes.
inline float Exponential(float x) {
  constexpr float kLog2E = 1.44269504088896341F, kRound = 12582912;  // 1.5·2²³
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  const float z = x < -87.0F ? -87.0F : x;
  const float n = (z * kLog2E + kRound) - kRound;
  const float r = (z - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  // The power 2ⁿ is made of its bits.
  const int32_t exponent = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  __builtin_memcpy(&power, &exponent, sizeof(power));
  return p * power;
}
inline double Exponential(double x) { return std::exp(x); }

// Gives 1/(1 + exp(−x)).
inline float Logistic(float x) {
  const float e = Exponential(x < 0 ? x : -x);  // in (0, 1]
  return (x < 0 ? e : 1.0F) / (1.0F + e);
}
inline double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

// Gives tanh(x), near 0 by Cephes' polynomial (tanhf.c), else by the exponential.
inline float HyperbolicTangent(float x) {
  const float size = x < 0 ? -x : x;
  const float e = Exponential(-2 * size);
  const float far = (1 - e) / (1 + e);
  const float z = x * x;
  float p = -5.70498872745e-3F;
  p = p * z + 2.06390887954e-2F;
  p = p * z - 5.37397155531e-2F;
  p = p * z + 1.33314422036e-1F;
  p = p * z - 3.33332819422e-1F;
  p = p * z * x + x;
  return size < 0.625F ? p : (x < 0 ? -far : far);
}
inline double HyperbolicTangent(double x) { return std::tanh(x); }

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_EXPONENTIAL_H_
