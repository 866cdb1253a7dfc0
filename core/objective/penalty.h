// Penalties: terms of an objective that are functions of the parameters themselves.
#ifndef DESCENT_CORE_OBJECTIVE_PENALTY_H_
#define DESCENT_CORE_OBJECTIVE_PENALTY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/model/flat_parameters.h"
#include "core/sequence/sequence.h"

namespace descent {

// A value; any thread.
struct Penalty {
  enum class Kind : uint8_t {
    // Σ|x|; where x is 0, so is its derivative.
    kL1,
    // ½Σx².
    kL2,
    // Σ over the parameters of √(number of scalars)·|parameter|: whole parameters go to zero (Yuan
    // &
    // Lin 2006). Where a parameter is 0, so is its derivative.
    kGroup,
  };

  Kind kind = Kind::kL2;
  Sequence weight;            // each ≥ 0
  std::string pattern = "*";  // of the parameters' names (core/model/pattern.h)

  std::string_view name() const;
};

// `l1`, `l2`, `group`.
constexpr std::string_view PenaltyName(Penalty::Kind kind) {
  return kind == Penalty::Kind::kL1 ? "l1" : kind == Penalty::Kind::kL2 ? "l2" : "group";
}

inline std::string_view Penalty::name() const { return PenaltyName(kind); }

// OK, or INVALID_ARGUMENT naming the penalty that fits no parameter.
absl::Status CheckPenalties(std::span<const Penalty> penalties,
                            std::span<const Parameter> parameters);

// The penalty without its weight, as autograd can differentiate it.
at::Tensor PenaltyValue(const Penalty& penalty, std::span<const Parameter> parameters);

// The same with the derivative, in one pass over the flat buffers. Remembers where the parameters
// lie. Not thread-safe.
class PenaltyPass {
 public:
  // Adds each penalty's derivative at x, times its weight, to g; g has x's layout. Writes the
  // values without their weights into `values`. Throws std::invalid_argument where CheckPenalties
  // gives an error.
  void AddTo(std::span<const Penalty> penalties, std::span<const double> weights,
             const FlatParameters& x, const FlatParameters& g, std::span<double> values);

 private:
  struct Place {
    size_t penalty, parameter;
  };
  std::vector<Place> places_;
  FlatParameters::LayoutId layout_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_PENALTY_H_
